/**
 * The words by which fields are known, as regular expressions over `plain` text: lower case, accents taken off, hiragana as
 * katakana, separators and digits apart by single spaces, a space at either end. Short stems, and only where a field could
 * else be taken for another, since every page that has a form loads every byte. Alternatives stand in the order that
 * packs best, found by trying.
 */

/** Fields whose value must not even be read, by the reason that is reported. */
export const CARD =
  /payment|credit|口座|tarjeta|[ck]a+r(d|t[^ s])| cv[cv]|expir|名義|bank|カード| cc/;
export const CODE = /(verif|auth)\w* ?code|one ?time|otp\b|確認コ|認証/;
export const SECRET = /pass ?(w|code)|パスワード| pwd|暗証/;
/** Other fields that no word of an address or a name makes ours. */
export const STRANGE = /search|紹介|緊急|birth|emergency [a-z]|gender/;

export const EMAIL =
  /アドレス|lectroniq|mail(?!ing|box)|メール|sahkop|posta el|courriel|cor+ei?o|\S@\S| e ?post|メアド/;
const TEL =
  /携帯|handy|デンワ|landl|(contact|back|time|best|reach|your) n(o |um)|\btel(?!e[gvx]|l)| cel(l|ul)| mobil|whats|phone|natel|direct l|puhel|denwa|連絡先|ケ.タイ|rufnu| gsm|電話/;
const NOT_TEL = / ext| dial|country|type|時間|fax|[^a ] ?code\b/;
const POSTAL =
  / plz|eircode|yu+bin| psc |郵便|〒|^ c[ae]?p $| zip|postal(?! add)|post[ai]? ?([ck]od|n[ru]|le)|poczt/;

/** Parts of an address, the most telling first. */
export const PARTS: [string, RegExp][] = [
  ["level1", /todo|provin| pref(?!er|i)|region|( |ip|ll)state |都道府県/],
  ["level2", /town|( |ip|ll|s)city|市[区町郡]|shikuc|suburb/],
  ["line2", /(addr\w*|line|住所|street) ?0?[23]\b/],
  ["line1", /(addr\w*|line|住所) ?0?1\b|番地|street|ban[ct]hi/],
  ["line2", /building|建物| ap(ar)?t|ビル|suite| unit |部屋/],
];
const ADDRESS = / adr |adres|ju+s|住所|addr/;
const NOT_ADDRESS = / ip |url|country|messag|web/;
export const ORG = /company|企業|firma|organi|[会貴]社|法人|business/;

// セイ and メイ must not be parts of longer words.
export const FAMILY =
  /姓(?!名)|\bsei(\b| ?kana)| last ?(name| $)| l ?name| nom( et| de [fn]| pre| $)|sur ?name|vorname (und )?name|name (und )?vorn|apel+ido|pri(jm|ez)|sukun|cognome|nachna|[ae][cft]h?terna|sobrenome|nazwisk|famil[yi]\w* ?na|[^ァ-ー]セイ[^ァ-ー]/;
export const GIVEN =
  / imie |given ?name| f ?name| first|jmeno|prenom| nom(bre|e) (?!com)|\bmei(\b| ?kana)|etuni|[^一-龠々ァ-ー]名(?![前称義字入])| vo+r|fore?na|[^ァ-ー]メイ[^ァ-ー]/;
export const KANA = /ruby|ヨミ|[カガ]ナ|[kg]ana|[^ァ-ー][セメ]イ[^ァ-ー]/;
const NAME = /担当者|ナマエ|sh?imei|[姓氏芳者様人本宛約主]名|name|名前|naam| nom(e|bre)? |者[様サ]マ? |namae|contact pers/;
const NOT_NAME =
  /(?![姓氏芳者様人本宛約主])[一-龠ァ-ー]名 |子供|name (to|of your) |(display|middle|school|shop|store|house|venue|previous|pet)( \w+)? name|同.者|ペット|オ子/;
/** A caption that says so makes no name of the field, whatever its name attribute says. */
export const ACCOUNT = /utente|utilis|nick|(log|sign) ?[io]n\b|usuario|benutz|\bid\b|user/;

export const CONFIRM = /confirm|再|verif| 2 $| re ?[et]|確認/;
export const THEIRS = /贈|代表|shipping|届|recipient|child|student|deliver/;

/** In this order; the second expression refuses what the first one found. */
export const KINDS: [kind: string, yes: RegExp[], not?: RegExp][] = [
  ["email", [EMAIL], /コード|code\b/],
  ["tel", [TEL], NOT_TEL],
  ["postal-code", [POSTAL]],
  ["street-address", [ADDRESS, ...PARTS.map(([, part]) => part)], NOT_ADDRESS],
  ["organization", [ORG]],
  ["name", [NAME, FAMILY, GIVEN, KANA], NOT_NAME],
];
