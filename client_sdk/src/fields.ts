import { digitRuns, holdsCardNumber } from "./luhn";
import { clip } from "./text";

/** The fields that may be read: WHATWG autocomplete tokens, and two for kana that Japanese forms need. */
const TOKEN =
  /^(email|tel|name|(family|given)-name(-kana)?|postal-code|address-level[12]|address-line[12]|organization)$/;
const BEFORE_TOKEN = /^(section-.*|shipping|billing|home|work|mobile)$/;
const INPUT_TYPE = /^(text|email|tel|search|number)$/;
const VALUE_LIMIT = 300;
const PHONE_DIGITS = 15; // E.164
const OTHER_DIGITS = 11; // a card number half typed into a name is longer; no postcode or house number is

export interface FieldMeaning {
  token: string;
  /** Said to be somebody's shipping address, which need not be the buyer's. */
  shipping: boolean;
}

/**
 * What an `autocomplete` attribute says, or null where the field must not be read.
 *
 * Before the token only what WHATWG puts there is understood; a fax or pager number is nobody's phone, and any
 * other word (`off`, `cc-number`) refuses the field.
 */
export function fieldMeaning(autocomplete: string | null): FieldMeaning | null {
  const words = (autocomplete || "").toLowerCase().trim().split(/\s+/);
  if (words[words.length - 1] === "webauthn") words.pop();
  const token = words.pop() || "";
  const known = TOKEN.test(token) && words.every((word) => BEFORE_TOKEN.test(word));
  return known ? { token, shipping: words.includes("shipping") } : null;
}

/** May an input of this type be read at all? Never a password, never a hidden one. */
export function readableType(type: string): boolean {
  return INPUT_TYPE.test(type);
}

/** A field's value as it may be kept, or "" where it must not be, or says nothing yet. */
export function keepableValue(token: string, value: string): string {
  const text = clip(value.trim(), VALUE_LIMIT);
  const digits = token === "tel" ? PHONE_DIGITS : OTHER_DIGITS;
  if (holdsCardNumber(value)) return "";
  if (token === "email") return /[^@\s]@[^@\s]/.test(text) ? text : "";
  return digitRuns(text).some((run) => run.length > digits) ? "" : text;
}
