/**
 * The words by which fields are known, as regular expressions over `plain` text: lower case, accents taken off, hiragana as
 * katakana, separators and digits apart by single spaces, a space at either end. Short stems, and only where a field could
 * else be taken for another, since every page that has a form loads every byte. Alternatives stand in the order that
 * packs best, found by trying.
 */

/** Fields whose value must not even be read, by the reason that is reported. */
export const CARD =
  /payment| cc|bank|卡|credit| cv[cv]|口座|[ck]a+r(t[^ s]|d)|カード|名義|tarjeta|expir|t holder/;
export const CODE = /one ?time|(auth|verif)\w* ?code|otp\b|確認コ|認証/;
export const SECRET = /パスワード| pwd|pass ?(code|w)|暗証/;
/** Other fields that no word of an address or a name makes ours. */
export const STRANGE = /緊急|紹介|search|emergency [a-z]|birth|gender/;

export const EMAIL =
  /メール|lectroniq|почт. |メアド| e ?post|\S@\S|posta el|courriel|cor+e[iuo]|アドレス|mail(?!ing|box)/;
const TEL =
  /携帯|denwa|rufnu|леф|tact n(um|o )| mo[vb]ie?l|\btel(?!e[xgv]|l)|連絡先|portable|phone|デンワ|handy| cel(ul|l)|電話|whats|ケ.タイ|thoai/;
const NOT_TEL = /fax|type|時間| ext| dial|country|[^a ] ?code\b/;
const POSTAL =
  /^ c ?[ea]?p $| zip| plz|postal(?! add)|〒|post[ia]? ?(n[ru]|le|[ck]od)|yu+bin|郵便/;

/** Parts of an address, the most telling first. */
export const PARTS: [string, RegExp][] = [
  ["address-level1", /(ip| |ll)state |todo| pref(?!i|er)|provin|都道府県/],
  ["address-level2", /(ip| |ll|s)city|shikuc|市[区郡町]|town/],
  ["address-line2", /(住所|addr\w*|line|street) ?0?[23]\b/],
  ["address-line1", /(住所|addr\w*|line|street) ?0?1\b|番地|street|ban[ct]hi/],
  ["address-line2", /部屋|building|建物|suite|ビル| ap(ar)?t/],
];
const ADDRESS = /adres|住所|addr|ju+s| adr /;
const NOT_ADDRESS = /(st|ll) ?name| ip |messag|url|country|web/;
export const ORG = /company|business|法人|firma|[会貴]社|organi/;

// セイ and メイ must not be parts of longer words.
export const FAMILY =
  /cognome|apel+ido| 氏 |famil[yi]\w* ?na|sobrenome| l ?name| last ?(name| $)|[^ァ-ー]セイ[^ァ-ー]|[ea][fct]h?terna|sur ?name|vorname (und )?name| nom( et| de [fn]| pre| $)|name (und )?vorn|姓(?!名)|nachna|\bsei( ?kana|\b)/;
export const GIVEN =
  /given ?name| f ?name| first|[^ァ-ー]メイ[^ァ-ー]|[^一-龠々ァ-ー]名(?![前義入字称])|pren[ou]m| nom(bre|e) (?!com)| vo+r|fore?na|\bmei( ?kana|\b)/;
/** A caption that says so makes a whole name of the field, whatever its name attribute says. */
export const WHOLE = /ll name|complet[^e]/;
export const KANA = /ヨミ|[kg]ana|ruby|[^ァ-ー][メセ]イ[^ァ-ー]|[カガ]ナ/;
const NAME = /担当者|[様芳本氏主姓者宛人約]名|name|contact pers|者[様サ]マ? |名前|naam| nom(bre|e)? |ナマエ|sh?imei/;
const NOT_NAME =
  /(?![様芳本氏主姓者宛人約])[一-龠ァ-ー]名 |ペ[ンッ]|オ子|子供|name (of your|to) |同.者|[校猫友犬]ノ名|(school|store|middle|pet|house|previous|display|shop|maiden)( \w+)? name|旧姓/;
/** A caption that says so makes no name of the field, whatever its name attribute says. */
export const ACCOUNT = /benutz|util|\bid\b|usuario|utente|nick|(sign|log) ?[oi]n\b|user/;

export const CONFIRM = /confirm| 2 $| re ?[et]|確認|verif|再/;
export const THEIRS = /贈|代表|shipping|届|child|student|recipient|deliver/;

/** In this order; the second expression refuses what the first one found. */
export const KINDS: [kind: string, yes: RegExp[], not?: RegExp][] = [
  ["email", [EMAIL], /コード|code\b/],
  ["tel", [TEL], NOT_TEL],
  ["postal-code", [POSTAL]],
  ["street-address", [ADDRESS, ...PARTS.map(([, part]) => part)], NOT_ADDRESS],
  ["organization", [ORG]],
  ["name", [NAME, FAMILY, GIVEN, KANA], NOT_NAME],
];
