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
  /** Somebody's shipping address, which need not be the buyer's. */
  theirs?: boolean;
}

const UNREADABLE = /^(date|month|week|time|url)/;
const TAKEN =
  /^(email|tel|(family|given)-name(-kana)?|postal-code|address-l(evel|ine)[12]|street-address|organization)$/;
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
  if (/fax|pager|tel-[ce]/.test(autocomplete)) return no("unknown");
  // Any other word (off, username, new-password, nope) says nothing about the field.
  const given = /^tel-/.test(hint) ? "tel" : TAKEN.test(hint) && hint;

  // From the most telling to the least; of a name like "order[address][city]" the last part.
  const [, last = name] = /([^.$:[\]]*[a-z][^.$:[\]]*)[^a-z]*$/i.exec(name) || [];
  const texts = [last, id, label, placeholder, near].map(plain);
  const own = texts.slice(0, 4);
  const captions = own.slice(2);
  const bare = [label, placeholder].map((text) => plain(text.replace(/[(（].*?([)）]|$)/g, " ")));
  const firm = [plain(name), own[1]!, ...bare];
  const say = (regexp: RegExp, among = own) => among.some((text) => regexp.test(text));

  const found = texts.map((text, at) =>
    words.KINDS.find(
      ([kind, yes, not = /^$/]) =>
        yes.test(text) && !not.test(text) && !(at > 3 && say(not)) && !(kind === "name" && say(not, texts.slice(2))) && !(kind === "email" && /tel|number/.test(type)),
    ),
  );
  const [first = ""] = found.find(Boolean) || [];
  let kind = given || (type === "email" ? type : hint === "name" ? hint : first);
  const mail = say(words.EMAIL, captions);
  // An attribute's "address" or "name" is doubtful beside a caption that says more.
  if ((mail || /アドレス/.test(near)) && /^(addr|name)/.test(kind)) kind = "email";
  if (kind === "name" && say(words.ORG, bare)) kind = "organization";
  const isName = /name/.test(kind);
  const isAddress = /addr|post/.test(kind);

  // What can only hold an "@" may stand beside any word, except in its own captions.
  const sure = given ? !isName : kind === "email" && (type === kind || say(words.EMAIL));
  if (!mail && say(words.SECRET, sure ? bare : firm)) return no("password");
  if (type !== "email" && say(words.CODE, firm)) return no("one-time-code");
  if (!sure && !isAddress && say(words.CARD, isName ? firm.concat(texts) : firm)) return no("card");
  if (type === "textarea" && !isAddress) return no("type");
  const account = isName && say(words.ACCOUNT, label || placeholder ? captions : texts);
  const token = detail(kind, captions.concat(isName ? [] : texts[4]!, texts));
  const choice = /select/.test(type) && !/[@＠]$/.test(before) && !/level/.test(token);
  if (!kind || (type === "search" && !sure) || (!given && (account || choice || (!sure && say(words.STRANGE, firm))))) return no("unknown");

  const kana = isName && !/kana/.test(kind) && say(words.KANA, texts) ? "-kana" : "";
  const again = /^(email|tel)/.test(token) && say(words.CONFIRM);
  return { token: token + kana, why: "taken", again, theirs: say(words.THEIRS, own.concat(autocomplete)) };
}

/** Which part of a name or an address, by the first text that says. */
function detail(kind: string, texts: string[]): string {
  let token = kind.replace(/^addr.*s$/, "street-address");
  texts.some((text) => {
    const part = kind === "address" && words.PARTS.find(([, regexp]) => regexp.test(text));
    const family = kind === "name" && words.FAMILY.test(text);
    const given = kind === "name" && words.GIVEN.test(text);
    if (part) token = "address-" + part[0];
    if (family !== given) token = (family ? "family-" : "given-") + kind;
    return part || family !== given;
  });
  return token;
}
