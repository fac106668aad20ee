import type { Core } from "../parts";

/** A line of a cart as the wire carries it, as far as it is known. */
export interface Item {
  id: string;
  name?: string;
  price?: number;
  quantity: number;
  url?: string;
  image?: string;
  stock?: number;
}

/** The core's own reader of commands: only what the wire names, bounded, links absolute. */
export type Read = Core["read"];

/**
 * A number as shops write it ("4,980円", "￥4,980", "1.299,00 €"), as plain text; "" where there is none. A comma is the
 * decimal's where it comes after a point, or before the last one or two digits.
 */
function plain(amount: unknown): unknown {
  if (typeof amount === "number") return amount;
  const text = String(amount).normalize("NFKC").replace(/[^\d.,-]/g, "");
  return /\..*,|,\d\d?$/.test(text) ? text.replace(/\./g, "").replace(",", ".") : text.replace(/,/g, "");
}

/**
 * Read lines of a cart, as we, GA4 (`item_id`, `item_name`) or a compatible tag (`page`, `count`) name their members.
 *
 * An id that could be a card number gives way to the name: one JAN code in ten is one. Left out is what the server would
 * refuse the whole cart for: a link that leaves `origin`, and lines that are none, such as discounts.
 */
export function readItems(given: unknown, read: Read, origin: string): Item[] {
  const lines = (Array.isArray(given) ? given : []).map((given) => {
    const line = Object(given);
    const { item_id: id, item_name: name, count: quantity, page: url } = line;
    return { id, name, quantity, url, ...line, price: plain(line.price), stock: plain(line.stock) };
  });
  // As JSON, so that what is not said has no member.
  const items = JSON.parse(JSON.stringify(read("cart", { items: lines }).data.items)) as Item[];
  return items.filter((item) => {
    const { member_id: id, name = "" } = read("identify", { member_id: item.id, name: item.name }).data;
    item.id = ((id || name) as string).slice(0, 200);
    item.quantity = Math.round(item.quantity);
    if (!item.url?.startsWith(origin + "/")) delete item.url;
    if (!/^\d+$/.test(String(item.stock))) delete item.stock;
    return item.id && item.quantity > 0 && item.quantity < 1e5 && (item.price ?? 0) >= 0;
  });
}

/**
 * Fill what lines do not say of their name, price, picture and page from what is known of the same id.
 *
 * Never the stock: a message may only say what is true when it goes out (RULES 14).
 */
export function complete(items: Item[], known: Item[]): Item[] {
  return items.map((item) => {
    const { quantity, stock, ...same } = Object.assign({}, ...known.filter(({ id }) => id === item.id));
    return { ...same, ...item };
  });
}

/** The cart after some lines were put in (sign 1) or taken out (-1). */
export function change(cart: Item[], delta: Item[], sign: number): Item[] {
  const left = new Map(cart.map((item) => [item.id, item]));
  for (const item of delta) {
    const { quantity = 0 } = left.get(item.id) || {};
    left.set(item.id, { ...item, quantity: quantity + sign * item.quantity });
  }
  return [...left.values()].filter(({ quantity }) => quantity > 0);
}

/**
 * A cart in its currency: lines without a price are left out; the value is the page's word, or else the lines' sum.
 *
 * currency  of ISO 4217's form; raises RangeError for other text
 */
export function priced(items: Item[], currency: string, value: unknown): { value: number; items: Item[] } {
  const { maximumFractionDigits } = new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions();
  const round = (amount: unknown) => Number(Number(amount).toFixed(maximumFractionDigits));
  let sum = 0;
  const lines = items.filter(({ price }) => price! >= 0 && price! < 1e9).map((item) => {
    const price = round(item.price);
    sum += price * item.quantity;
    return { ...item, price };
  });
  return { value: round(plain(value)) || round(sum), items: lines };
}
