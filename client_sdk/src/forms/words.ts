/**
 * The words by which fields are known, as regular expressions over `plain` text: lower case, accents taken off, hiragana as
 * katakana, separators and digits apart by single spaces, a space at either end. Short stems, and only where a field could
 * else be taken for another, since every page that has a form loads every byte. Alternatives stand in the order that
 * packs best, found by trying.
 */

/** Fields whose value must not even be read, by the reason that is reported. */
export const CARD =
  /payment| cv[cv]|credit| cc|名義|卡|口座|[ck]a+r(d|t[^ s])|expir|bank|カード|tarjeta|t holder/;
export const CODE = /(verif|auth)\w* ?code|otp\b|確認コ|one ?time|認証/;
export const SECRET = /pass ?(w|code)|パスワード| pwd|暗証/;
/** Other fields that no word of an address or a name makes ours. */
export const STRANGE = /search|birth|emergency [a-z]|紹介|緊急|gender/;

export const EMAIL =
  /アドレス|mail(?!ing|box)|メアド|posta el|courriel|cor+e[iou]|lectroniq| e ?post|メール|sahkop|\S@\S/;
const TEL =
  /携帯|handy|デンワ|landl|whats|portable|\btel(?!e[gvx]|l)| cel(l|ul)| gsm|(contact|back|time|best|reach|your) n(o |um)| mo[bv]ie?l|phone|natel|direct l|puhel|denwa|rufnu|電話|連絡先|ケ.タイ/;
const NOT_TEL = /fax| ext| dial|country|type|時間|[^a ] ?code\b/;
const POSTAL =
  / zip|yu+bin| psc |郵便|postal(?! add)|post[ai]? ?([ck]od|n[ru]|le)|poczt|^ c ?[ae]?p $| plz|eircode|〒/;

/** Parts of an address, the most telling first. */
export const PARTS: [string, RegExp][] = [
  ["level1", /todo|provin| pref(?!er|i)|( |ip|ll)state |都道府県/],
  ["level2", /town|shikuc|( |ip|ll|s)city|市[区町郡]/],
  ["line2", /(addr\w*|line|住所|street) ?0?[23]\b/],
  ["line1", /(addr\w*|line|住所) ?0?1\b|番地|street|ban[ct]hi/],
  ["line2", /building|建物| ap(ar)?t|ビル|suite|部屋/],
];
const ADDRESS = / adr |adres|住所|ju+s|addr/;
const NOT_ADDRESS = /(ll|st) ?name| ip |url|country|messag|web/;
export const ORG = /company|organi|firma|法人|[会貴]社|business/;

// セイ and メイ must not be parts of longer words.
export const FAMILY =
  /\bsei(\b| ?kana)| last ?(name| $)| l ?name| nom( et| de [fn]| pre| $)|sur ?name| 氏 |vorname (und )?name|name (und )?vorn|apel+ido|pri(jm|ez)|cognome|nachna|[ae][cft]h?terna|姓(?!名)|sukun|sobrenome|nazwisk|famil[yi]\w* ?na|[^ァ-ー]セイ[^ァ-ー]/;
export const GIVEN =
  /\bmei(\b| ?kana)| first|fore?na|[^一-龠々ァ-ー]名(?![前称義字入])|etuni|jmeno|pren[ou]m| nom(bre|e) (?!com)| f ?name| vo+r|given ?name| imie |[^ァ-ー]メイ[^ァ-ー]/;
export const KANA = /[カガ]ナ|[kg]ana|ruby|ヨミ|[^ァ-ー][セメ]イ[^ァ-ー]/;
const NAME = /担当者|ナマエ|sh?imei|者[様サ]マ? |[姓氏芳者様人本宛約主]名|name|名前|namae|naam| nom(e|bre)? |contact pers/;
const NOT_NAME =
  /(?![姓氏芳者様人本宛約主])[一-龠ァ-ー]名 |[友校犬猫]ノ名|(display|middle|school|shop|store|house|previous|maiden|pet)( \w+)? name|同.者|ペ[ンッ]|オ子|旧姓|子供|name (to|of your) /;
/** A caption that says so makes no name of the field, whatever its name attribute says. */
export const ACCOUNT = /\bid\b|usuario|utente|util|nick|benutz|(log|sign) ?[io]n\b|user/;

export const CONFIRM = /confirm|確認|verif| 2 $| re ?[et]|再/;
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
