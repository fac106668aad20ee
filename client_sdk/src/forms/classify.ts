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

const UNREADABLE = /^(date|month|week|time|url|select-m)/;
const TAKEN =
  /^(email|tel|(family|given)-name(-kana)?|postal-code|address-l(evel|ine)[12]|street-address|organization)$/;
/** Tokens of other fields. Any other word (off, username, new-password, nope) says nothing about the field. */
const OTHERS = /^(tel-|bday|country|addi|hono|nick|org|address-l)/;

/** Lower case, accents off, words and numbers apart: "shippingAddress[line1]" is " shipping address line 1 ". */
export function plain(text: string): string {
  const split = text.replace(/([a-z])(?=[A-Z\d])/g, "$1 ").normalize("NFKD").replace(/[\u0300-\u036f]/g, "");
  return " " + split.normalize("NFKC").toLowerCase().replace(/[^\p{L}\p{M}\p{N}〒]+/gu, " ").trim() + " ";
}

/** Decide what a field means, by what it says of itself and never by what was typed. */
export function classify({ autocomplete, type, name, id, label, placeholder, near, before }: Clues): Meaning {
  const no = (why: Why): Meaning => ({ token: null, why });
  const [, hint = ""] = /(\S+)(\s+webauthn)?\s*$/.exec(autocomplete) || [];
  if (type === "password") return no(type);
  if (/^cc-/.test(hint)) return no("card");
  if (hint === "one-time-code") return no(hint);
  if (UNREADABLE.test(type)) return no("type");
  const given = /^tel-[nal]/.test(hint) ? "tel" : TAKEN.test(hint) && hint;
  if ((!given && OTHERS.test(hint)) || /fax|pager/.test(autocomplete)) return no("unknown");

  // From the most telling to the least; of a name like "order[address][city]" the last part.
  const last = /([^.[\]]*[a-z][^.[\]]*)[^a-z]*$/i.exec(name) || name;
  const texts = [last[1] || name, id, label, placeholder, near].map(plain);
  const own = texts.slice(0, 4);
  const captions = own.slice(2);
  const bare = [label, placeholder].map((text) => plain(text.replace(/[(（【].*?([)）】]|$)/g, " ")));
  const firm = [plain(name), own[1]!, ...bare];
  const say = (regexp: RegExp, among = own) => among.some((text) => regexp.test(text));

  let kind: words.Kind | undefined = type === "email" ? type : hint === "name" ? hint : undefined;
  texts.forEach((text, at) => {
    const found = words.KINDS.find(
      ([kind, yes, not = /^$/]) =>
        yes.test(text) && !not.test(text) && !(at > 3 && say(not)) && !(kind === "email" && /tel|number/.test(type)),
    );
    if (!kind && found) kind = found[0];
  });
  const mail = say(words.EMAIL, captions);
  const either = type === "text" && mail && say(words.TEL, captions);
  // An attribute's "address" or "name" is doubtful beside a caption that says more.
  if (either || (mail && /address|name/.test(kind || ""))) kind = "email";
  if (kind === "name" && say(words.ORG, bare)) kind = "organization";
  const isName = given ? /name$/.test(given) : kind === "name";

  // What can only hold an "@" may stand beside any word, except in its own captions.
  const sure = given ? !isName : kind === "email" && (type === kind || say(words.EMAIL));
  const address = /address|postal/.test(kind || "");
  if (!mail && say(words.SECRET, sure ? bare : firm)) return no("password");
  if (type !== "email" && say(words.CODE, firm)) return no("one-time-code");
  if (!sure && !address && say(words.CARD, isName ? [...firm, ...texts] : firm)) return no("card");
  const domain = kind === "email" && (/[@＠]$/.test(before) || say(/domain|ドメイン/));
  if (!given) {
    if (!kind || (!sure && say(words.STRANGE, firm))) return no("unknown");
    if (isName && say(words.ACCOUNT, label || placeholder.trim() ? captions : texts)) return no("unknown");
    if (type === "select-one" && !domain && !(address && say(words.ADDRESS))) return no("unknown");
  }
  if (type === "textarea" && !address) return no("type");

  const token = !given ? detail(kind!, captions.concat(texts)) : either ? "email" : isName && say(words.KANA, texts) ? given.replace(/name.*/, "name-kana") : given;
  const again = /^(email|tel)/.test(token) && say(words.CONFIRM);
  return { token, why: "taken", again, either, domain, theirs: /shipping/.test(autocomplete) || say(words.THEIRS) };
}

/** Which part of a name or an address, by the first text that says. */
function detail(kind: words.Kind, texts: string[]): string {
  const kana = texts.some((text) => words.KANA.test(text)) ? "-kana" : "";
  let token: string = kind;
  if (kind === "address") token = "street-address";
  texts.some((text) => {
    const part = kind === "address" && words.PARTS.find(([, regexp]) => regexp.test(text));
    if (part) token = "address-" + part[0];
    const family = kind === "name" && words.FAMILY.test(text);
    const first = kind === "name" && words.GIVEN.test(text);
    if (family !== first) token = family ? "family-name" : "given-name";
    return part || family || first;
  });
  return kind === "name" ? token + kana : token;
}
