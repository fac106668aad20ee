import { holdsCardNumber } from "./luhn";
import type { Report } from "./parts";
import { clip } from "./text";
import { absoluteUrl } from "./url";
import type { EventType } from "./wire";

/** Reads one member as the wire wants it; undefined members vanish when the report becomes JSON. */
type Reader = (value: any) => unknown;

const TEXT_LIMIT = 300;
const ITEM_LIMIT = 100;

/** What the wire names. A consent is read where it is heeded. */
const MEMBERS: Record<string, string> = {
  cart: "id currency value items url",
  order: "id currency value items",
  identify: "email tel line name member_id proof",
};

const text: Reader = (value) => (/^[sn]/.test(typeof value) && clip(String(value), TEXT_LIMIT)) || undefined;
const personal: Reader = (value) => (holdsCardNumber(String(value)) ? undefined : text(value));
const amount: Reader = (value) => (text(value) && isFinite(value) ? Number(value) : undefined);

/**
 * Turn a page's command into a report, taking only what the wire names.
 *
 * base    the page's address, for relative links
 * raises  TypeError for an unknown command
 */
export function reportOf(command: unknown, given: unknown, base: string): Report {
  const link: Reader = (value) => absoluteUrl(value, base);
  const readers: Record<string, Reader> = {
    value: amount,
    price: amount,
    stock: amount,
    quantity: (value) => amount(value) ?? 1,
    url: link,
    image: link,
    items: (value) => (Array.isArray(value) ? value.slice(0, ITEM_LIMIT).map((item) => take(item, "id name price quantity url image stock", text)) : undefined),
    proof: (value) => value && take(value, "at mac", text),
  };
  const take = (from: any, names: string, other: Reader) =>
    Object.fromEntries(names.split(" ").map((name) => [name, (readers[name] || other)(Object(from)[name])]));
  return {
    type: command as EventType,
    data: take(given, MEMBERS[command as EventType]!, command === "identify" ? personal : text),
    key: command === "cart" ? command : "",
  };
}
