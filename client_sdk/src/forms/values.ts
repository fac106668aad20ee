const VALUE_LIMIT = 300;
// The most digits in a row.
const PHONE_DIGITS = 15; // E.164
const NAME_DIGITS = 2; // of a person: three may be a security code, or a card number's first
const OTHER_DIGITS = 11; // a card number half typed is longer; no postcode, house number or domestic phone is

/** How card numbers are known; the core has it. */
export interface Cards {
  digitRuns(text: string): string[];
  holdsCardNumber(text: string): boolean;
}

/** What a person typed, as it is kept: full-width letters narrowed, kana wide and in katakana, one kind of dash. */
const normal = (token: string, value: string): string => {
  // Clipboards put marks of direction and spaces without width around numbers and addresses.
  const text = value.replace(/\p{Cf}/gu, "").replace(/[\uff01-\uff9f\u3000]+/g, (wide) => wide.normalize("NFKC")).trim();
  if (/kana/.test(token)) return text.replace(/[ぁ-ゖ]/g, (kana) => String.fromCharCode(kana.charCodeAt(0) + 96));
  return /name|org/.test(token) ? text : text.replace(/(\d\s?)[‐-―−ー─・〜~](?=\s?\d)/g, "$1-");
};

/** A field's value as it may be kept; "" where it says nothing yet, null where it must not be kept. */
export const keepable = (token: string, value: string, cards: Cards): string | null => {
  const text = normal(token, value);
  const isPhone = token === "tel";
  // A phone number that begins like a card number has an area code, and ten digits with it.
  const other = /^tel[^2-6]/.test(token + text) ? PHONE_DIGITS : OTHER_DIGITS - +isPhone;
  const most = /^[nfg]/.test(token) ? NAME_DIGITS : other;
  if (cards.holdsCardNumber(value) || cards.digitRuns(value).some((run) => run.length > most)) return null;
  // A password may hold an "@", too: only what ends in a domain is an address.
  if (token === "email") return /^[^@\s]+@[\w.-]+\.[a-z][\w-]+$/i.test(text) ? text : "";
  const whole = !isPhone || /^\+?\d{8,}$/.test(text.replace(/[-\s().\/]/g, ""));
  return whole && text.length <= VALUE_LIMIT ? text : "";
};
