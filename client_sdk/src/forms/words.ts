/**
 * The words by which fields are known, as regular expressions over `plain` text: lower case, accents taken off,
 * separators and digits apart by single spaces, a space at either end. Short stems, and only where a field could
 * else be taken for another, since every page that has a form loads every byte.
 */

/** Fields whose value must not even be read, by the reason that is reported. */
export const CARD =
  /card| cc|credit| cv[cv]|expir|payment|bank|カード|[^約]名義|口座/;
export const CODE = /otp\b|one ?time|(verif|auth)\w* ?code|認証|確認コ/;
export const SECRET = /pass ?(w|code)| pwd|パスワード|暗証/;
/** Other fields that no word of an address or a name makes ours. */
export const STRANGE = /search|birth|gender|検索|緊急|紹介/;

export const EMAIL =
  /mail(?!ing|box)|メール|アドレス|メアド|correo| e ?post/;
const TEL =
  /\btel(?!e[gvx]|l)|phone| mobil| cel(l|ul)|act nu|denwa|renraku|電話|携帯|ケ[ーイ]タイ|連絡先/;
const NOT_TEL = /fax| ext|country| dial|[^a ] ?code\b|type|時間/;
const POSTAL =
  / zip|post ?(code|nu)|postal(?! add)|郵便|〒| plz|postl|^ c[ae]?p $|yu+bin/;

/** Parts of an address, the most telling first. */
export const PARTS: [string, RegExp][] = [
  ["level1", / pref(?!er|i)|todou?f|都道府県|( |ip|ll)state |provin|region/],
  ["level2", /( |ip|ll|s)city|town|shikuc|市[区町]/],
  ["line2", /(addr\w*|line|住所|street) ?0?[23]\b/],
  ["line1", /(addr\w*|line|住所) ?0?1\b|street|ban[ct]hi|番地/],
  ["line2", / ap(ar)?t|suite| unit |建物|マンション|ビル|building|部屋/],
];
const ADDRESS = /addr| adr |adres|ju+s[hy]o|住所|所在地/;
const NOT_ADDRESS = /country| ip |web|url|messag/;
export const ORG = /company|organi[sz]a|firma|business|[会貴]社|法人|企業/;

// せい, めい, セイ and メイ must not be parts of longer words.
export const FAMILY =
  / last ?(name| $)|famil(y|ien) ?na| nom( et| $)|sur ?name| l ?name|apel+ido|[an]ch(ter)?na|cognome|sobrenome|\bsei(\b| ?kana)|姓(?!名)|[^ぁ-ん]せい[^ぁ-ん]|[^ァ-ー]セイ[^ァ-ー]/;
export const GIVEN =
  / first|given ?name| f ?name| vo+r|prenom| nom(bre|e) (?!com)|\bmei(\b| ?kana)|[^一-龠々ァ-ー]名(?![前称義字入])|[^ぁ-ん]めい[^ぁ-ん]|[^ァ-ー]メイ[^ァ-ー]/;
export const KANA = /[kg]ana|[かが]な|[カガ]ナ|ruby|よみ|ヨミ|[^ぁ-ん][せめ]い[^ぁ-ん]|[^ァ-ー][セメ]イ[^ァ-ー]/;
const NAME = /name|contact pers|[姓氏芳者様人本宛]名|名前|[なナ][まマ][えエ]|者(様|さま)|担当者|約名義|namae|sh?imei| nom(e|bre)? /;
const NOT_NAME =
  /(display|middle|school|shop|store|house|venue|trading|previous)( \w+)? name|name to |ペ[ンッ]|紹介|同.者|子[供様どさ]|(?![姓氏芳者様人本宛])[一-龠ァ-ー]名 |掲載/;
/** A caption that says so makes no name of the field, whatever its name attribute says. */
export const ACCOUNT = /user|(log|sign) ?[io]n\b|nick|usuario|benutz|ユーザ|\bid\b|ニック/;

export const CONFIRM = /confirm|確認|再|もう一| re ?[et]|verif| 2 $/;
export const THEIRS = /shipping|deliver|recipient|student|child|[付送け届]先|贈|代表/;

/** In this order; the second expression refuses what the first one found. */
export const KINDS: [kind: string, yes: RegExp[], not?: RegExp][] = [
  ["email", [EMAIL], /code\b|コード/],
  ["tel", [TEL], NOT_TEL],
  ["postal-code", [POSTAL]],
  ["address", [ADDRESS, ...PARTS.map(([, part]) => part)], NOT_ADDRESS],
  ["organization", [ORG]],
  ["name", [NAME, FAMILY, GIVEN, KANA], NOT_NAME],
];
