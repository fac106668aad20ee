import { holdsCardNumber } from "./luhn";
import { clip } from "./text";
import { absoluteUrl } from "./url";
import type { EventType } from "./wire";

/** A thing to report, before it has an id, a visitor and a permission. */
export interface Report {
  type: EventType;
  data: Record<string, unknown>;
  /** A newer report with the same key takes an unsent one's place; "": each one counts. */
  key: string;
}

/** Reads one member as the wire wants it; undefined members vanish when the report becomes JSON. */
type Reader = (value: unknown) => unknown;

const TEXT_LIMIT = 300;
const CONSENT_TEXT_LIMIT = 2000;
const ITEM_LIMIT = 100;

const longText =
  (limit: number): Reader =>
  (value) =>
    typeof value === "string" || typeof value === "number" ? clip(String(value), limit) || undefined : undefined;
const text = longText(TEXT_LIMIT);
const amount: Reader = (value) => (text(value) && isFinite(value as number) ? Number(value) : undefined);
const flag: Reader = (value) => (typeof value === "boolean" ? value : undefined);
const personal: Reader = (value) => (holdsCardNumber(String(value)) ? undefined : text(value));
const proof: Reader = (value) => value && take(value, { at: text, mac: text });

/** Take from what the page gave only the members that are named. */
function take(given: unknown, readers: Record<string, Reader>): Record<string, unknown> {
  const from = Object(given) as Record<string, unknown>;
  const taken: Record<string, unknown> = {};
  for (const name in readers) taken[name] = (readers[name] as Reader)(from[name]);
  return taken;
}

/**
 * Turn a page's command into a report, taking only what the wire names.
 *
 * base     the page's address, for relative links
 * returns  undefined for an unknown command
 */
export function reportOf(command: unknown, given: unknown, base: string): Report | undefined {
  const link: Reader = (value) => absoluteUrl(value, base);
  const quantity: Reader = (value) => amount(value ?? 1);
  const item = { id: text, name: text, price: amount, quantity, url: link, image: link, stock: amount };
  const items: Reader = (value) =>
    Array.isArray(value) ? value.slice(0, ITEM_LIMIT).map((entry) => take(entry, item)) : undefined;
  const order = { id: text, currency: text, value: amount, items };
  const readers: Record<string, any> = {
    __proto__: null, // "constructor" is no command
    cart: { ...order, url: link },
    order,
    identify: { email: personal, tel: personal, line: personal, name: personal, member_id: personal, proof },
    consent: { channel: text, granted: flag, text: longText(CONSENT_TEXT_LIMIT), control: text },
  };
  const type = String(command) as EventType;
  const members: Record<string, Reader> | undefined = readers[type];
  if (!members) return undefined;
  const data = take(given, members);
  // Every grant is evidence, so each one counts; of withdrawals the last says all.
  const key = type === "cart" ? type : type === "consent" && !data.granted ? type + " " + data.channel : "";
  return { type, data, key };
}
