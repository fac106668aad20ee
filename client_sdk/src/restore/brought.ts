import type { Core } from "../parts";

/** What a person left, as the page's own hook gets it: `modori("restore", (brought) => …)`. */
export interface Brought {
  cart?: string;
  /** ISO 4217. */
  currency?: string;
  /** The total that was shown, in major units. */
  value?: number;
  items: { id: string; name: string; price: number; quantity: number; url?: string; image?: string }[];
  /** What the link said of a coupon. */
  coupon?: string;
  /** By autocomplete token: what may be written into the form. */
  fields: Record<string, string>;
  /** By autocomplete token: what another device may only show, such as t•••@e•••.jp. */
  masked: Record<string, string>;
  /** Name the e-mail address or number that the link was sent to: whether it was, and the form is filled in. */
  prove(contact: string): Promise<boolean>;
}

type Left = Omit<Brought, "coupon" | "prove">;

const members = (given: unknown) => Object(given) as Record<string, any>;

/** By token: texts only. */
function textsOf(given: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(members(given)).filter(([, value]) => typeof value === "string"));
}

/** Read the server's answer; null where it is none. */
export function readLeft(json: string): Left | null {
  try {
    const { cart, currency, value, items, fields, masked } = members(JSON.parse(json));
    if (!Array.isArray(items)) return null;
    return { cart, currency, value, items, fields: textsOf(fields), masked: textsOf(masked) };
  } catch {
    return null;
  }
}

/** What this browser itself kept of an unfinished form, by token; null where it kept none. */
export function ownFields(core: Core): Record<string, string> | null {
  const [, json] = /^\d+ (.*)$/s.exec(core.store.read("form") || "") || [];
  try {
    return json ? textsOf(members(JSON.parse(json)).fields) : null;
  } catch {
    return null;
  }
}
