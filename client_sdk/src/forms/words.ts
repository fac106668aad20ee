/**
 * The words by which fields are known, as regular expressions over `plain` text: lower case, accents taken off,
 * separators and digits apart by single spaces, a space at either end. Short stems, since every page that has a form
 * loads every byte.
 */

const either = (...sources: (string | RegExp)[]) =>
  new RegExp(sources.map((source) => (source as RegExp).source || source).join("|"));

/** Fields whose value must not even be read, by the reason that is reported. */
export const CARD =
  /card|\bcc|credit|\bcv[cv]|\bcsc|expir|security ?code|payment|\biban|bank|holder|tarjeta|carte|karte|カード|クレジット|セキュリティ|有効期限|名義|口座|銀行/;
export const CODE = /otp\b|one ?time|\b[2m]fa|factor|(verif|auth|activa|sms)\w* ?(code|pin)|認証|ワンタイム|確認(コード|番号)|captcha/;
export const SECRET = /pass ?(w|code)|\bpwd|\bpin\b|secret|contrasen|senha|парол|パスワード|暗証|秘密/;
/** Other fields that no word of an address or a name makes ours. */
export const STRANGE =
  /search|coupon|promo|gift|birth|gender|subject|message|comment|emergency|検索|クーポン|誕生|生年|緊急|紹介|件名|マイナンバー/;

export const EMAIL = /mail(?!ing|box)|メール|アドレス|correo|courriel|почт(?!ов)|\be ?posta?\b|\bpasto\b|邮箱|邮件|메일/;
export const TEL = /\btel(?!e[gvx]|l)|phone|\bmobil|\bcell|celular|movil|handy|keitai|denwa|電話|携帯|連絡先|телефон|手机|전화/;
const NOT_TEL = /fax|ファ.?ク|\bext|内線|country|\bdial|国番号|code\b|type|prefix|希望|時間/;
const POSTAL = /\bzip|post ?code|postal(?! add)|郵便|〒|\bplz|postl|\bcep\b|индекс|yu+bin|邮编|우편/;

const LEVEL_1 = /\bpref(?!er|i)|都道府県|(\b|ip|ll)state\b|provin|region|bundesl|estado|област|county/;
const LEVEL_2 = /(\b|ip|ll|s)city|town|市区|市町村|\bort\b|stadt|ciudad|ville\b|город|cidade|munici|local?i|ilce/;
const LINE_2 = /(addr\w*|line|住所|street) ?0?[23]\b|\bapt|apart|suite|\bunit\b|建物|マンション|ビル|building|部屋|号室/;
const LINE_1 = /(addr\w*|line|住所) ?0?1\b|street|番地|丁目|町域|町名|以降|stra(ss|ß)e|\bcalle\b|\brue\b|улица/;
/** Parts of an address, the most telling first. */
export const PARTS: [string, RegExp][] = [
  ["level1", LEVEL_1],
  ["level2", LEVEL_2],
  ["line2", LINE_2],
  ["line1", LINE_1],
];
export const ADDRESS = either(LEVEL_1, LEVEL_2, LINE_1, LINE_2, "addr|adres|住所|所在地|direcc|indiri|endere|адрес|地址");
const NOT_ADDRESS = /country|\bip\b|web|url|same|statement|国名/;
export const ORG = /company|organi[sz]a|firma|empresa|entrepri|business|会社|法人|団体|勤務先|企業|屋号|компани/;

/** Words of one or two kana, which must not be parts of longer ones. */
const FAMILY_KANA = "(^|[^ぁ-ん])せい([^ぁ-ん]|$)|(^|[^ァ-ー])セイ([^ァ-ー]|$)";
const GIVEN_KANA = "(^|[^ぁ-ん])めい([^ぁ-ん]|$)|(^|[^ァ-ー])メイ([^ァ-ー]|$)";
export const FAMILY = either(
  "\\blast ?(name| $)|famil(y|ien) ?na|sur ?name|\\bl ?name|apelli?do|nachname|famille|фамил|sobrenome|soyad|\\bsei(\\b| ?kana)|姓(?!名)|苗字|cognome|achternaam|nazwisko",
  FAMILY_KANA,
);
export const GIVEN = either(
  "\\bfirst|given ?name|\\bf ?name|fore ?name|vorname|prenom|nombre(?! com)|имя|\\bmei(\\b| ?kana)|\\bnome(?! com)|\\bad\\b|imie\\b|(^|[^一-龠々])名(?![前称義字])",
  GIVEN_KANA,
);
export const KANA = either("kana|カナ|かな|フリ|ふり|furi|ruby|よみ|ヨミ", FAMILY_KANA, GIVEN_KANA);
const NAME = either("name|氏名|名前|姓名|者名|shimei|\\bnom\\b|nombre|nome\\b|фио|이름|성명", FAMILY, GIVEN, KANA);
const NOT_NAME =
  /(user|nick|display|screen|log ?in|sign ?in|company|business|product|file|domain|middle|event|team|school|college|pet|profile|item|shop|store|building|mailbox|sender) ?name|ニックネーム|表示名|学校|店|部署|商品|ペット/;
/** A caption that says so makes no name of the field, whatever its name attribute says. */
export const ACCOUNT = /user|log ?[io]n\b|sign ?in|nick|usuario|utilis|benutz|kullan|felhasz|пользоват|логин|ユーザ|ログイン|用户|\bid\b|display|ニック|会員/;

export const CONFIRM = /confirm|確認|再入力|もう一度|\bre ?(enter|type|e?mail)|repeat|again|verif|check|wiederh|bestat|repit|повтор|tekrar|\b2 $/;
export const THEIRS = /shipping|deliver|recipient|届け?先|配送先|送付先|送り先|贈/;

export type Kind = "email" | "tel" | "postal-code" | "address" | "organization" | "name";

/** In this order; the second expression refuses what the first one found. */
export const KINDS: [Kind, RegExp, RegExp?][] = [
  ["email", EMAIL],
  ["tel", TEL, NOT_TEL],
  ["postal-code", POSTAL],
  ["address", ADDRESS, NOT_ADDRESS],
  ["organization", ORG],
  ["name", NAME, NOT_NAME],
];
