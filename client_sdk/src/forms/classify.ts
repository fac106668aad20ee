import type { Why } from "../parts";
import type { Clues } from "./clues";
import * as words from "./words";

/** What a field means. */
export interface Meaning {
  /** An autocomplete token of the allow-list, or null for a field that must not be read. */
  token: string | null;
  why: Why;
  /** Asks for the same once more; where nothing else is known of it, for what the field before it asks. */
  again?: boolean | undefined;
  /** Perhaps not the buyer's own: a recipient's, or a name to log in by. */
  theirs?: boolean;
}

const TAKEN =
  /^(email|tel|postal-code|(given|family)-name|organization|street-address|address-l(ine|evel)[12])$/;
/** Lower case, accents off, words and numbers apart, kanji set wide together: "Address[line1]" is " address line 1 ". */
export const plain = (text: string): string => {
  const split = ` ${text} `.replace(/([a-z])(?=[A-Z\d])/g, "$1 ").normalize("NFKD").replace(/[\u0300-\u036f]/g, "");
  const wide = split.normalize("NFKC").replace(/[ぁ-ゖ]/g, (kana) => String.fromCharCode(kana.charCodeAt(0) + 96));
  const words = wide.toLowerCase().replace(/[^\p{L}\p{N}〒@]+/gu, " ");
  return words.replace(/ ([一-龠]) (?=[一-龠] )/g, " $1");
};

/** The same without what stands behind it in brackets. */
const outside = (text: string) => plain(text.replace(/(\S) ?[(（].*?([)）]|$)/g, "$1 "));

/** The last words of a long name: "shipping_address_fields_last_name" is a name. */
const ending = (text: string) => /( \S+){0,3} $/.exec(plain(text))![0];

/** Decide what a field means, by what it says of itself and never by what was typed. */
export const classify = ({ autocomplete, type, name, id, label, placeholder, near, before, after }: Clues): Meaning => {
  const no = (why: Why, again?: boolean): Meaning => ({ token: null, why, again });
  const [, hint = ""] = /(\S+)(\s+webauthn)?\s*$/.exec(autocomplete) || [];
  if (type === "password") return no(type);
  if (/^cc-/.test(hint)) return no("card");
  if (hint === "one-time-code") return no(hint);
  if (/^(d|m|w|ti|u)/.test(type)) return no("type"); // dates, times, url
  if (/fax|tel-[ce]/.test(autocomplete)) return no("unknown");
  // Any other word (off, username, new-password, nope) says nothing about the field.
  const given = /^tel-/.test(hint) ? "tel" : TAKEN.test(hint) && hint;

  // From the most telling to the least; of a name like "order[address][city]" the last part.
  const [, last = name] = /([^.$:[\]]*[a-z][^.$:[\]]*)[^a-z]*$/i.exec(name) || [];
  const ends = [last, id].map(ending);
  const captions = [label, placeholder].map(plain);
  const own = ends.concat(captions);
  const texts = own.concat(plain(near));
  const bare = [label, placeholder, near].map(outside);
  const outer = ends.concat(bare);
  const heads = bare.slice(0, label || placeholder ? 2 : 3);
  const firm = heads.concat([name, id].map(plain));
  const say = (regexp: RegExp, among = own) => among.some((text) => regexp.test(text));

  const found = texts.map((text, at) =>
    words.KINDS.find(([kind, yes, not = /^$/]) => {
      const ofName = kind === "name";
      return (
        yes.some((one) => one.test(ofName ? outer[at]! : text)) &&
        !((ofName && say(not, bare)) || (kind === "email" && /tel|num/.test(type)) || not.test(text) || (at > 3 && say(not)))
      );
    }),
  );
  const [first = ""] = found.find(Boolean) || [];
  let kind = given || (type === "email" ? type : hint === "name" ? hint : first);
  const mail = say(words.EMAIL, captions);
  // An attribute's "address" or "name" is doubtful beside a caption that says more.
  if ((mail || /アドレス/.test(near)) && /addr|^name/.test(kind)) kind = "email";
  if (kind === "name" && say(words.ORG, heads)) kind = "organization";
  const isName = /name/.test(kind);
  const isAddress = /addr|post/.test(kind);

  // What can only hold an "@" may stand beside any word, except in its own captions.
  const sure = given ? !isName : kind === "email";
  const token = detail(kind, captions.concat(plain(after), texts[4]!, say(words.WHOLE, captions) ? [] : texts));
  if (!mail && say(words.SECRET, sure ? captions : outer)) return no("password");
  if (type !== "email" && say(words.CODE, outer)) return no("one-time-code");
  if (!sure && !isAddress && say(words.CARD, outer.concat(isName ? texts : [], token === "name" ? firm : []))) return no("card");
  if (type === "textarea" && !isAddress) return no("type");
  const again = say(words.CONFIRM, texts);
  const account = say(words.ACCOUNT, label || placeholder ? heads : texts);
  const choice = /select/.test(type) && !/[@＠]$/.test(before) && !/level/.test(token);
  const refused = (isName && account) || choice || (!sure && say(words.STRANGE, firm));
  if (!kind || (!sure && type === "search") || (!given && refused)) return no("unknown", again);

  const kana = isName && say(words.KANA, texts) ? "-kana" : "";
  const theirs = account || say(words.THEIRS, texts.concat(autocomplete));
  return { token: token + kana, why: "taken", again: again && /^(email|tel)/.test(token), theirs };
};

/** Which part of a name or an address, by the first text that says. */
const detail = (kind: string, texts: string[]): string => {
  let token = kind;
  texts.some((text) => {
    const part = kind === "street-address" && words.PARTS.find(([, regexp]) => regexp.test(text));
    const family = words.FAMILY.test(text);
    if (part) token = part[0];
    if (kind === "name" && family !== words.GIVEN.test(text)) token = (family ? "family-" : "given-") + kind;
    return token !== kind;
  });
  return token;
};
