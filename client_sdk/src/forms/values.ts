import { digitRuns, holdsCardNumber } from "../luhn";
import { clip } from "../text";

const VALUE_LIMIT = 300;
const PHONE_DIGITS = 15; // E.164
const OTHER_DIGITS = 11; // a card number half typed is longer; no postcode, house number or domestic phone is

/** What a person typed, as it is kept: full-width letters narrowed, kana wide and in katakana, one kind of dash. */
function normal(token: string, value: string): string {
  const text = value.replace(/[\uff01-\uff9f\u3000]+/g, (wide) => wide.normalize("NFKC")).trim();
  if (/kana$/.test(token)) return text.replace(/[ぁ-ゖ]/g, (kana) => String.fromCharCode(kana.charCodeAt(0) + 96));
  if (token === "email") return text.replace(/\s+/g, "");
  if (/name|org/.test(token)) return text;
  return text.replace(/([0-9]\s?)[‐-―−ー─](?=\s?[0-9])/g, "$1-");
}

/** A field's value as it may be kept; "" where it says nothing yet, null where it must not be kept. */
export function keepable(token: string, value: string): string | null {
  const text = clip(normal(token, value), VALUE_LIMIT);
  const runs = digitRuns(value);
  const phone = token === "tel" && /^\s*(\+|0)/.test(text);
  if (holdsCardNumber(value) || runs.some((run) => run.length > (phone ? PHONE_DIGITS : OTHER_DIGITS))) return null;
  if (token === "email") return /^[^@\s]+@[^@\s]+$/.test(text) ? text : "";
  if (token === "tel") return /^[-+\d\s().\/x#~]*$/.test(text) && text.replace(/\D/g, "").length > 5 ? text : "";
  return text;
}
