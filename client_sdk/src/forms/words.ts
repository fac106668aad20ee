/**
 * The words by which fields are known, as regular expressions over `plain` text: lower case, accents taken off, hiragana as
 * katakana, separators and digits apart by single spaces, a space at either end. Short stems, and only where a field could
 * else be taken for another, since every page that has a form loads every byte. Alternatives stand in the order that
 * packs best, found by trying.
 */

/** Fields whose value must not even be read, by the reason that is reported. */
export const CARD =
  /カード| cv[cv]|tarjeta|payment|credit|bank|expir|[ck]a+r(d|t[^ s])| cc|名義|口座/;
export const CODE = /(verif|auth)\w* ?code|one ?time|otp\b|確認コ|認証/;
export const SECRET = /pass ?(w|code)|パスワード| pwd|暗証/;
/** Other fields that no word of an address or a name makes ours. */
export const STRANGE = /緊急|紹介|emergency [a-z]|search|birth|gender/;

export const EMAIL =
  /アドレス|\S@\S|mail(?!ing|box)|メール|sahkop|posta el|courriel|cor+e[iou]|lectroniq| e ?post|メアド/;
const TEL =
  / gsm|handy|デンワ|電話|(contact|back|time|best|reach|your) n(o |um)|\btel(?!e[gvx]|l)| cel(l|ul)| mo[bv]ie?l|landl|whats|phone|natel|direct l|komork|puhel|denwa|rufnu|連絡先|ケ.タイ|携帯|portable/;
const NOT_TEL = /fax| ext| dial|country|type|時間|[^a ] ?code\b/;
const POSTAL =
  / psc |郵便|yu+bin| plz|eircode|^ c ?[ae]?p $| zip|postal(?! add)|post[ai]? ?([ck]od|n[ru]|le)|poczt|〒/;

/** Parts of an address, the most telling first. */
export const PARTS: [string, RegExp][] = [
  ["level1", /todo|provin| pref(?!er|i)|region|( |ip|ll)state |都道府県/],
  ["level2", /town|( |ip|ll|s)city|shikuc|市[区町郡]|suburb/],
  ["line2", /(addr\w*|line|住所|street) ?0?[23]\b/],
  ["line1", /(addr\w*|line|住所) ?0?1\b|番地|street|ban[ct]hi/],
  ["line2", /building|建物| ap(ar)?t|ビル|suite| unit |部屋/],
];
const ADDRESS = / adr |adres|ju+s|住所|addr/;
const NOT_ADDRESS = /(ll|st) ?name| ip |messag|url|country|web/;
export const ORG = /company|企業|organi|[会貴]社|firma|法人|business/;

// セイ and メイ must not be parts of longer words.
export const FAMILY =
  /姓(?!名)|\bsei(\b| ?kana)| last ?(name| $)| l ?name| nom( et| de [fn]| pre| $)|sur ?name| 氏 |vorname (und )?name|name (und )?vorn|apel+ido|pri(jm|ez)|sukun|cognome|nachna|[ae][cft]h?terna|sobrenome|nazwisk|famil[yi]\w* ?na|[^ァ-ー]セイ[^ァ-ー]/;
export const GIVEN =
  /etuni|[^一-龠々ァ-ー]名(?![前称義字入])| first|given ?name| f ?name| imie |jmeno|pren[ou]m| nom(bre|e) (?!com)|\bmei(\b| ?kana)| vo+r|fore?na|[^ァ-ー]メイ[^ァ-ー]/;
export const KANA = /ruby|ヨミ|[カガ]ナ|[kg]ana|[^ァ-ー][セメ]イ[^ァ-ー]/;
const NAME = /者[様サ]マ? |担当者|ナマエ|sh?imei|[姓氏芳者様人本宛約主]名|name|名前|naam| nom(e|bre)? |namae|contact pers/;
const NOT_NAME =
  /(?![姓氏芳者様人本宛約主])[一-龠ァ-ー]名 |子供|(display|middle|school|shop|store|house|venue|previous|maiden|pet)( \w+)? name|同.者|ペット|オ子|name (to|of your) /;
/** A caption that says so makes no name of the field, whatever its name attribute says. */
export const ACCOUNT = /nick|benutz|utente|utilis|(log|sign) ?[io]n\b|usuario|\bid\b|user/;

export const CONFIRM = /confirm|verif|再| 2 $| re ?[et]|確認/;
export const THEIRS = /贈|代表|shipping|届|student|recipient|child|deliver/;

/** In this order; the second expression refuses what the first one found. */
export const KINDS: [kind: string, yes: RegExp[], not?: RegExp][] = [
  ["email", [EMAIL], /コード|code\b/],
  ["tel", [TEL], NOT_TEL],
  ["postal-code", [POSTAL]],
  ["street-address", [ADDRESS, ...PARTS.map(([, part]) => part)], NOT_ADDRESS],
  ["organization", [ORG]],
  ["name", [NAME, FAMILY, GIVEN, KANA], NOT_NAME],
];
