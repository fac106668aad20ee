import { attempt } from "../attempt";
import type { CartWatch, Core, Report } from "../parts";
import type { PageKind } from "../wire";
import { change, complete, type Item, priced, readItems } from "./goods";
import { ECOMMERCE, makeLayer, type Said } from "./layer";
import { readProducts } from "./products";

/** The cart that this browser is known to have, kept for pages that only say what was put in or taken out. */
interface Known {
  /** When it was last said, ms. */
  at: number;
  currency?: string | undefined;
  items: Item[];
  /** The last order's id: a thanks page that is opened again is no new order. */
  order?: string;
}

const KEPT_MS = 7 * 86_400_000;

/** The kind of page that tells each of GA4's events: developers.google.com/analytics, "Measure ecommerce" */
function kindOf(word: string): PageKind | "" {
  if (/checkout|info/.test(word)) return "checkout";
  if (/view/.test(word)) return /item/.test(word) ? "product" : "cart";
  return word === "purchase" ? "thanks" : "";
}

/** Watch what the page says of its cart to others: GA4's `dataLayer`, a compatible tag's `contx`, schema.org. */
export function startCarts(core: Core): CartWatch {
  const { page, store, safely, read, own } = core;
  const { document } = page;

  const listen = makeLayer(page, core.tag.dataset.layer || "dataLayer");

  let known: Known = { at: 0, items: [] };
  let unsaved = false;
  let goods: Item[] | null = null; // by schema.org, read at most once a look
  let ownCart: Report | undefined; // what the page itself said, as last seen
  let ownOrder: Report | undefined;
  let shim = ""; // the compatible tag's cart as last seen
  let member = "";
  let kind: PageKind | "" = "";
  let kindAt = ""; // the address that it was found at

  const lines = (given: unknown) => readItems(given, read, page.location.origin);
  const send = (type: string, given: object) => core.report(read(type, given));

  /** The cart as this tab knows it, or another tab or an earlier page, whichever spoke last. */
  function recall(): Known {
    attempt(() => {
      const stored = JSON.parse(store.read("cart")!) as Known;
      if (stored.items.length >= 0 && stored.at > Math.max(known.at, page.Date.now() - KEPT_MS)) known = stored;
    });
    return known;
  }

  function keep(news: Partial<Known>): void {
    known = { ...recall(), ...news, at: page.Date.now() };
    unsaved = true;
  }

  /** What lines of a cart say, filled from what the page and earlier pages said of the same goods. */
  function readLines(given: unknown): Item[] {
    goods = goods || lines(readProducts(document));
    return complete(lines(given), [...recall().items, ...goods]);
  }

  /**
   * Report a cart, or with an id an order, and remember it. An empty cart says something only where one was known; an order
   * always does, whatever else is known of it: it stops what is on its way to who has bought.
   */
  function tell(items: Item[], given: any, order?: string): void {
    const before = recall();
    const local = /^ja/.test(document.documentElement.lang) && "JPY";
    const stated = given.currency || Object(Object(given.items)[0]).currency || before.currency || local;
    const currency = /^[A-Z]{3}$/i.test(stated) ? stated.toUpperCase() : order && "XXX"; // ISO 4217: none
    if (!currency) return;
    const said = { currency, ...priced(items, currency, given.value) };
    if (order) {
      keep({ items: [], order });
      send("order", { id: order, ...said });
    } else if ((items.length ? said : before).items.length) {
      keep({ items, currency });
      send("cart", said);
    }
  }

  const heed = safely(([command, word, given]: Said) => {
    if (command !== "event" || !ECOMMERCE.test(word)) return;
    const found = kindOf(word);
    if (found) {
      kind = found;
      kindAt = page.location.href;
    }
    const { items, transaction_id: id } = Object(given);
    if (word === "purchase") {
      if (id && !own.order && String(id) !== recall().order) tell(readLines(items), given, String(id));
    } else if (word !== "view_item" && Array.isArray(items) && !own.cart && !shim) {
      const sign = Number(/^add_to/.test(word)) - Number(/^remove/.test(word));
      const read = readLines(items);
      tell(sign ? change(recall().items, read, sign) : read, { ...given, value: !sign && given.value });
    }
  });

  /** Heed `contx = {user: {id}, cart: {items}}`, whose values are text. */
  const heedShim = safely(() => {
    const given = Object(core.shim());
    const { id } = Object(given.user);
    const { items } = Object(given.cart);
    // "Do not contact": the core takes nothing of what this person types.
    if (id && id !== "guest" && id !== member) send("identify", { member_id: (member = id) });
    if (!Array.isArray(items) || own.cart) return;
    const text = JSON.stringify(lines(items));
    if (text === shim) return;
    shim = text;
    tell(readLines(items), { items });
  });

  return {
    read: safely(() => {
      goods = null;
      if (own.cart !== ownCart) {
        ownCart = own.cart;
        const { items, currency } = ownCart!.data as unknown as Known;
        keep({ items: items || [], currency });
      }
      if (own.order !== ownOrder) {
        ownOrder = own.order;
        keep({ items: [] });
      }
      heedShim();
      listen().forEach(heed);
      if (unsaved && core.permitted()) {
        unsaved = false;
        store.write("cart", JSON.stringify(known));
      }
    }),
    kind() {
      const { href } = page.location;
      if (kindAt !== href) kind = "";
      kindAt = href;
      return (kind ||= readProducts(document)[0] ? "product" : "") || undefined;
    },
  };
}
