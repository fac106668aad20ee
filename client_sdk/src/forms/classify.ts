import type { Why } from "../parts";
import type { Clues } from "./clues";
import * as words from "./words";

/** What a field means. */
export interface Meaning {
  /** An autocomplete token of the allow-list, or null for a field that must not be read. */
  token: string | null;
  why: Why;
  /** Asks for the same once more. */
  again?: boolean;
  /** Takes an e-mail address or a phone number, as one likes. */
  either?: boolean;
  /** Somebody's shipping address, which need not be the buyer's. */
  theirs?: boolean;
  /** Asks for what comes after an "@". */
  domain?: boolean;
}

const READABLE = /^(text|email|tel|search|number|select-one|textarea)$/;
const TAKEN =
  /^(email|tel|(family-|given-)?name(-kana)?|postal-code|address-l(evel|ine)[12]|street-address|organization)$/;
/** Tokens of other fields. Any other word (off, username, new-password, nope) says nothing about the field. */
const OTHERS = /^(tel-|bday|country|addi|hono|nick|org|address-l)|fax|pager/;

/** Lower case, accents off, words and numbers apart: "shippingAddress[line1]" is " shipping address line 1 ". */
export function plain(text: string): string {
  const split = text.replace(/([a-z])([A-Z])/g, "$1 $2").normalize("NFKD").replace(/[\u0300-\u036f]/g, "");
  const lower = split.normalize("NFKC").toLowerCase().replace(/([a-z])(\d)/g, "$1 $2");
  return " " + lower.replace(/[^\p{L}\p{M}\p{N}〒]+/gu, " ").trim() + " ";
}

const kindOf = (token: string) => (/name/.test(token) ? "name" : /addr/.test(token) ? "address" : token) as words.Kind;

/** Decide what a field means, by what it says of itself and never by what was typed. */
export function classify({ autocomplete, type, name, id, label, placeholder, near, before }: Clues): Meaning {
  const no = (why: Why): Meaning => ({ token: null, why });
  const [, hint = ""] = /([^\s]+)(\s+webauthn)?\s*$/.exec(autocomplete) || [];
  if (type === "password") return no(type);
  if (/^cc-/.test(hint)) return no("card");
  if (hint === "one-time-code") return no(hint);
  if (!READABLE.test(type)) return no("type");
  let given = /^tel-[nal]/.test(hint) ? "tel" : TAKEN.test(hint) ? hint : "";
  if (OTHERS.test(given ? autocomplete.replace(hint, "") : autocomplete)) return no("unknown");

  // From the most telling to the least; of a name like "order[address][city]" the last part.
  const last = name.split(/[.[\]]+/).filter((part) => /[a-z]/i.test(part)).pop() || "";
  const texts = [last, id, label, placeholder, near].map(plain);
  const captions = texts.slice(2, 4);
  const bare = [label, placeholder].map((text) => plain(text.replace(/[(（【].*?([)）】]|$)/g, " ")));
  const firm = [plain(name), texts[1] as string, ...bare];
  const say = (regexp: RegExp, among = texts.slice(0, 4)) => among.some((text) => regexp.test(text));

  let kind = given ? kindOf(given) : type === "email" ? type : undefined;
  texts.forEach((text, at) => {
    const found = words.KINDS.find(([each, yes, not]) => {
      if (!yes.test(text) || (each === "email" && /tel|number/.test(type))) return false;
      return !not || !(not.test(text) || (at > 3 && say(not)));
    });
    if (!kind && found) kind = found[0];
  });
  // An attribute's "address" or "name" is doubtful beside a caption that says more.
  if (/address|name/.test(kind || "") && !given && say(words.EMAIL, captions)) kind = "email";
  if (kind === "name" && say(words.ORG, bare)) kind = "organization";
  const either = type === "text" && say(words.EMAIL, captions) && say(words.TEL, captions);
  if (either) given = kind = "email";

  // What can only hold an "@" may stand beside any word, except in its own captions.
  const sure = kind === "email" && (!!given || type === kind || say(words.EMAIL));
  if (say(words.SECRET, sure ? bare : firm) && !(sure && say(words.EMAIL, captions))) return no("password");
  if (type !== "email" && say(words.CODE, [...texts.slice(0, 2), ...bare])) return no("one-time-code");
  if (!sure && !/address|postal/.test(kind || "") && say(words.CARD, kind === "name" ? [...firm, ...texts] : firm)) return no("card");
  if (!kind || (!sure && say(words.STRANGE, firm))) return no("unknown");
  if (type === "textarea" && kind !== "address") return no("type");
  const domain = kind === "email" && (/[@＠]$/.test(before) || say(/domain|ドメイン/));
  if (type === "select-one" && !domain && !(kind === "address" && say(words.ADDRESS))) return no("unknown");
  if (kind === "name" && !given && say(words.ACCOUNT, label || placeholder.trim() ? captions : texts)) return no("unknown");

  const token = given && !/name$|^str/.test(given) ? given : detail(kind, given, [...captions, ...texts]);
  const again = /^(email|tel)$/.test(token) && say(words.CONFIRM);
  const theirs = /shipping/.test(autocomplete) || say(words.THEIRS);
  return { token, why: "taken", again, either, domain, theirs };
}

/** Which part of a name or an address, by the first text that says. */
function detail(kind: words.Kind, given: string, texts: string[]): string {
  const kana = texts.some((text) => words.KANA.test(text)) ? "-kana" : "";
  for (const text of texts) {
    const part = kind === "address" && words.PARTS.find(([, regexp]) => regexp.test(text));
    if (part) return "address-" + part[0];
    if (kind === "name") {
      const family = words.FAMILY.test(text);
      const first = words.GIVEN.test(text);
      if (family && first) break;
      if (family || first) return (family ? "family-name" : "given-name") + kana;
    }
  }
  return kind === "address" ? "street-address" : kind === "name" ? (given || kind) + kana : kind;
}
