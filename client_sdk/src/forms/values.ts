const VALUE_LIMIT = 300;
const PHONE_DIGITS = 15; // E.164
const OTHER_DIGITS = 11; // a card number half typed is longer; no postcode, house number or domestic phone is

/** How card numbers are known; the core has it. */
export interface Cards {
  digitRuns(text: string): string[];
  holdsCardNumber(text: string): boolean;
}

/** What a person typed, as it is kept: full-width letters narrowed, kana wide and in katakana, one kind of dash. */
function normal(token: string, value: string): string {
  const text = value.replace(/[\uff01-\uff9f\u3000]+/g, (wide) => wide.normalize("NFKC")).trim();
  if (/kana/.test(token)) return text.replace(/[ぁ-ゖ]/g, (kana) => String.fromCharCode(kana.charCodeAt(0) + 96));
  return /name|org/.test(token) ? text : text.replace(/(\d\s?)[‐-―−ー─](?=\s?\d)/g, "$1-");
}

/** A field's value as it may be kept; "" where it says nothing yet, null where it must not be kept. */
export function keepable(token: string, value: string, cards: Cards): string | null {
  const text = normal(token, value);
  const most = token === "tel" && /^[+0]/.test(text) ? PHONE_DIGITS : OTHER_DIGITS;
  if (cards.holdsCardNumber(value) || cards.digitRuns(value).some((run) => run.length > most)) return null;
  if (token === "email") return /^[^@\s]+@[^@\s]+$/.test(text) ? text : "";
  const whole = token !== "tel" || /^\+?\d{8,}$/.test(text.replace(/[-\s().\/]/g, ""));
  return whole && text.length <= VALUE_LIMIT ? text : "";
}
