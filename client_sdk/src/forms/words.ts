/**
 * The words by which fields are known, as regular expressions over `plain` text: lower case, accents taken off,
 * separators and digits apart by single spaces, a space at either end. Short stems, and only where a field could
 * else be taken for another, since every page that has a form loads every byte.
 */

const either = (...sources: (string | RegExp)[]) =>
  new RegExp(sources.map((source) => (source as RegExp).source || source).join("|"));

/** Fields whose value must not even be read, by the reason that is reported. */
export const CARD =
  /card|\bcc|credit|\bcv[cv]|csc|expir|payment|bank|account ?h|カード|セキュリティ|有効期限|[^約]名義|口座/;
export const CODE = /otp\b|one ?time|\b[2m]fa|factor|(verif|auth|activa|sms)\w* ?(code|pin)|認証|ワンタイム|確認(コード|番号)/;
export const SECRET = /pass ?(w|code)|\bpwd|\bpin\b|secret|パスワード|暗証/;
/** Other fields that no word of an address or a name makes ours. */
export const STRANGE = /search|coupon|birth|gender|検索|クーポン|誕生|緊急|紹介/;

export const EMAIL = /mail(?!ing|box)|メール|アドレス|correo|courriel|почт(?!ов)|\be ?posta?\b/;
const TEL = /\btel(?!e[gvx]|l)|phone|\bmobil|\bcel(l|ul)|movil|denwa|renraku|電話|携帯|連絡先|телефон/;
const NOT_TEL = /fax|ファ.?ク|\bext|内線|country|\bdial|code\b|type|prefix|希望|時間/;
const POSTAL = /\bzip|post ?code|postal(?! add)|郵便|〒|\bplz|postl|\bcep\b|индекс|yu+bin/;

/** Parts of an address, the most telling first. */
export const PARTS: [string, RegExp][] = [
  ["level1", /\bpref(?!er|i)|todou?f|都道府県|(\b|ip|ll)state\b|provin|region/],
  ["level2", /(\b|ip|ll|s)city|town|shikuc|市区|市町村|stadt|ciudad/],
  ["line2", /(addr\w*|line|住所|street) ?0?[23]\b|\bapts?\b|suite|\bunit\b|建物|マンション|ビル|building|部屋|号室/],
  ["line1", /(addr\w*|line|住所) ?0?1\b|street|ban[ct]hi|番地|丁目|町域|以降/],
];
export const ADDRESS = either(...PARTS.map(([, part]) => part), "addr|adres|ju+s[hy]o|住所|所在地|direcc|endere|адрес");
const NOT_ADDRESS = /country|\bip\b|web|url/;
export const ORG = /company|organi[sz]a|firma|business|会社|法人|団体|勤務先|企業/;

/** Words of two kana, which must not be parts of longer ones. */
const SEI = "[^ぁ-ん]せい[^ぁ-ん]|[^ァ-ー]セイ[^ァ-ー]";
const MEI = SEI.replace("せ", "め").replace("セ", "メ");
export const FAMILY = either(
  "\\blast ?(name| $)|famil(y|ien) ?na|\\bnom $|sur ?name|\\bl ?name|apelli?do|nachname|фамил|sobrenome|soyad|\\bsei(\\b| ?kana)|姓(?!名)",
  SEI,
);
export const GIVEN = either(
  "\\bfirst|given ?name|\\bf ?name|vorname|prenom|nombre(?! com)|имя|\\bmei(\\b| ?kana)|\\bnome(?! com)|\\bad $|[^一-龠々ァ-ー]名(?![前称義字入])",
  MEI,
);
export const KANA = either("kana|カナ|かな|フリ|ふり|furi|ruby|よみ|ヨミ", SEI, MEI);
const NAME = either("name|氏名|名前|姓名|者名|担当者|契約(者|名義)|namae|sh?imei|\\bnom(e|bre)\\b|фио", FAMILY, GIVEN, KANA);
const NOT_NAME =
  /(user|nick|display|screen|(log|sign) ?[io]n|product|file|domain|middle|school|pet|shop|store|country) ?name|additional|ペ[ンッ]|紹介|同伴|お子|車/;
/** A caption that says so makes no name of the field, whatever its name attribute says. */
export const ACCOUNT = /user|(log|sign) ?[io]n\b|nick|usuario|benutz|пользоват|логин|ユーザ|ログイン|\bid\b|ニック|会員/;

export const CONFIRM = /confirm|確認|再入力|もう一度|\bre ?(enter|type|e?mail)|repeat|verif|check|\b2 $/;
export const THEIRS = /shipping|deliver|recipient|届け?先|配送先|送付先|贈/;

/** In this order; the second expression refuses what the first one found. */
export const KINDS: [kind: string, yes: RegExp, not?: RegExp][] = [
  ["email", EMAIL, /code\b|コード/],
  ["tel", TEL, NOT_TEL],
  ["postal-code", POSTAL],
  ["address", ADDRESS, NOT_ADDRESS],
  ["organization", ORG],
  ["name", NAME, NOT_NAME],
];
