/**
 * The words by which fields are known, as regular expressions over `plain` text: lower case, accents taken off, hiragana as
 * katakana, separators and digits apart by single spaces, a space at either end. Short stems, and only where a field could
 * else be taken for another, since every page that has a form loads every byte. Alternatives stand in the order that
 * packs best, found by trying.
 */

/** Fields whose value must not even be read, by the reason that is reported. */
export const CARD =
  /payment|名義|tarjeta| cv[cv]|カード| cc|卡|[ck]a+r(d|t[^ s])|credit|口座|bank|expir|t holder/;
export const CODE = /one ?time|(verif|auth)\w* ?code|otp\b|確認コ|認証/;
export const SECRET = /パスワード| pwd|pass ?(w|code)|暗証/;
/** Other fields that no word of an address or a name makes ours. */
export const STRANGE = /緊急|birth|emergency [a-z]|search|紹介|gender/;

export const EMAIL =
  /メール| e ?post|メアド|アドレス|\S@\S|mail(?!ing|box)|posta el|courriel|cor+e[iou]|lectroniq/;
const TEL =
  /携帯|rufnu|ケ.タイ| mo[bv]ie?l|whats|デンワ|連絡先|\btel(?!e[gvx]|l)|portable| cel(l|ul)|phone|電話|handy/;
const NOT_TEL = /fax|type|時間| ext| dial|country|[^a ] ?code\b/;
const POSTAL =
  /〒|yu+bin| plz|^ c ?[ae]?p $| zip|postal(?! add)|post[ai]? ?([ck]od|n[ru]|le)|郵便/;

/** Parts of an address, the most telling first. */
export const PARTS: [string, RegExp][] = [
  ["address-level1", /todo|provin| pref(?!er|i)|都道府県|( |ip|ll)state /],
  ["address-level2", /town|shikuc|市[区町郡]|( |ip|ll|s)city/],
  ["address-line2", /(addr\w*|line|住所|street) ?0?[23]\b/],
  ["address-line1", /(addr\w*|line|住所) ?0?1\b|番地|street|ban[ct]hi/],
  ["address-line2", / ap(ar)?t|ビル|建物|suite|building|部屋/],
];
const ADDRESS = /addr|ju+s|住所|adres| adr /;
const NOT_ADDRESS = /(ll|st) ?name| ip |url|country|messag|web/;
export const ORG = /company|[会貴]社|organi|法人|firma|business/;

// セイ and メイ must not be parts of longer words.
export const FAMILY =
  /\bsei(\b| ?kana)| nom( et| de [fn]| pre| $)| last ?(name| $)|[ae][cft]h?terna|sur ?name| 氏 |姓(?!名)| l ?name|apel+ido|vorname (und )?name|name (und )?vorn|cognome|nachna|sobrenome|famil[yi]\w* ?na|[^ァ-ー]セイ[^ァ-ー]/;
export const GIVEN =
  /\bmei(\b| ?kana)| first|fore?na|[^一-龠々ァ-ー]名(?![前称義字入])| f ?name| vo+r|given ?name|pren[ou]m| nom(bre|e) (?!com)|[^ァ-ー]メイ[^ァ-ー]/;
export const KANA = /ヨミ|[kg]ana|[カガ]ナ|ruby|[^ァ-ー][セメ]イ[^ァ-ー]/;
const NAME = /担当者|ナマエ|sh?imei|者[様サ]マ? |[姓氏芳者様人本宛約主]名|name|名前|naam| nom(e|bre)? |contact pers/;
const NOT_NAME =
  /(?![姓氏芳者様人本宛約主])[一-龠ァ-ー]名 |name (to|of your) |[友校犬猫]ノ名|子供|旧姓|(display|middle|school|shop|store|house|previous|maiden|pet)( \w+)? name|同.者|ペ[ンッ]|オ子/;
/** A caption that says so makes no name of the field, whatever its name attribute says. */
export const ACCOUNT = /\bid\b|usuario|nick|util|utente|benutz|(log|sign) ?[io]n\b|user/;

export const CONFIRM = /confirm|確認|verif| 2 $| re ?[et]|再/;
export const THEIRS = /child|贈|代表|shipping|recipient|届|student|deliver/;

/** In this order; the second expression refuses what the first one found. */
export const KINDS: [kind: string, yes: RegExp[], not?: RegExp][] = [
  ["email", [EMAIL], /コード|code\b/],
  ["tel", [TEL], NOT_TEL],
  ["postal-code", [POSTAL]],
  ["street-address", [ADDRESS, ...PARTS.map(([, part]) => part)], NOT_ADDRESS],
  ["organization", [ORG]],
  ["name", [NAME, FAMILY, GIVEN, KANA], NOT_NAME],
];
