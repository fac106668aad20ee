/** What fields mean and how split ones join: one row for each habit. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Window as DomWindow } from "happy-dom";
import { explain } from "../src/forms/explain";
import { startForms } from "../src/forms/index";
import { keepable } from "../src/forms/values";
import { fill } from "../src/forms/writing";
import { digitRuns, holdsCardNumber } from "../src/luhn";
import type { Core, FormState, FormWatch } from "../src/parts";

const cards = { digitRuns, holdsCardNumber };

class Shop {
  readonly dom = new DomWindow({ url: "https://shop.example/" });
  readonly document = this.dom.document as unknown as Document;
  readonly core: Core;
  readonly forms: FormWatch;
  now = 1000;

  constructor(html: string) {
    this.document.body.innerHTML = html;
    const shop = this;
    const page = Object.assign(this.dom, { Date: class extends Date { static now = () => shop.now; } });
    const safely = (work: unknown) => work;
    const nothing = () => {};
    this.core = { page, safely, soon: nothing, collect: nothing, ...cards } as unknown as Core;
    this.forms = startForms(this.core);
  }

  find(selector: string): HTMLInputElement {
    return this.document.querySelector(selector) as HTMLInputElement;
  }

  fire(field: Element, ...types: string[]): void {
    for (const type of types) field.dispatchEvent(new this.dom.Event(type, { bubbles: true, composed: true }) as never);
  }

  /** Type a value into each named field, or the one that a selector finds. */
  type(values: Record<string, string>): this {
    for (const [name, value] of Object.entries(values)) {
      const field = this.document.getElementsByName(name)[0] || this.find(name);
      (field as HTMLInputElement).value = value;
      this.fire(field, "input", "change");
    }
    return this;
  }

  state(): FormState | undefined {
    return this.forms.changes()[0]?.state;
  }
}

/** "name=token" of every taken field, "name!why" of every other. */
function meanings(html: string): string {
  const said = explain(new Shop(html).core);
  return said.map(({ field, token, why }) => field + (why === "taken" ? "=" + token : "!" + why)).join(" ");
}

const MEANINGS: [string, string, string][] = [
  ["autocomplete decides", `<input name=x autocomplete="section-a shipping home tel">`, "x=tel"],
  ["capitals, spaces, webauthn", `<input name=x autocomplete=" EMAIL  webauthn ">`, "x=email"],
  ["autocomplete before the name", `<input name=email autocomplete=postal-code>`, "email=postal-code"],
  ["a token of another field", `<input name=phone autocomplete=tel-extension>`, "phone!unknown"],
  ["a fax is nobody's phone", `<input name=x autocomplete="fax tel"><input name=fax>`, "x!unknown fax!unknown"],
  ["off says nothing", `<input name=email autocomplete=off>`, "email=email"],
  ["nor does nonsense", `<input name=tel autocomplete=nope>`, "tel=tel"],
  ["new-password on a name against autofill", `<input name=sei autocomplete=new-password>`, "sei=family-name"],
  ["username on an e-mail", `<input name=login type=email autocomplete=username>`, "login=email"],
  ["name on two halves of it", `<input name=first_name autocomplete=name>`, "first_name=given-name"],
  ["one token for kana too", `<label>セイ<input name=x autocomplete=family-name></label>`, "x=family-name-kana"],
  ["romaji", `<input name=sei><input name=mei><input name=sei_kana><input name=mei_kana>`,
    "sei=family-name mei=given-name sei_kana=family-name-kana mei_kana=given-name-kana"],
  ["romaji addresses", `<input name=todofuken><input name=shikuchoson><input name=banchi><input name=jusyo>`,
    "todofuken=address-level1 shikuchoson=address-level2 banchi=address-line1 jusyo=street-address"],
  ["a label around", `<label>お名前 <b>必須</b> <input name=a></label>`, "a=name"],
  ["a label by id", `<label for=a>メールアドレス</label><p>12345</p><input id=a>`, "a=email"],
  ["aria-label", `<input name=a aria-label="Phone number">`, "a=tel"],
  ["aria-labelledby", `<b id=l>郵便番号</b><hr><input name=a aria-labelledby=l>`, "a=postal-code"],
  ["placeholder", `<input name=a placeholder="例）090-1234-5678 携帯電話">`, "a=tel"],
  ["a table's head", `<table><tr><th>氏名</th><td><input name=a></td></tr></table>`, "a=name"],
  ["and a badge after it", `<table><tr><th>氏名</th><td><span>必須</span><input name=a></td></tr></table>`, "a=name"],
  ["a definition list", `<dl><dt>ご住所</dt><dd><input name=a></dd></dl>`, "a=street-address"],
  ["rows of divisions", `<div><div>お電話番号</div><div><input name=a></div></div>`, "a=tel"],
  ["heads of columns", `<table><tr><th>氏名</th><th>電話</th></tr><tr><td><input name=a></td><td><input name=b></td></tr></table>`,
    "a=name b=tel"],
  ["a word after the field", `<p><input name=a> … お名前（カナ）</p>`, "a=name-kana"],
  ["kana by its caption", `<p>フリガナ</p><input name=name2><p>ふりがな</p><input name=b>`, "name2=name-kana b=name-kana"],
  ["(kana) behind a name", `<p>お名前（カナ）</p><input name=a>`, "a=name-kana"],
  ["短い words are no parts of longer ones", `<p>せい</p><input name=a><p>せいねんがっぴ</p><input name=b>`,
    "a=family-name-kana b!unknown"],
  ["kanji", `<p>姓</p><input name=a><p>名</p><input name=b><p>会社名</p><input name=c><p>建物名</p><input name=d>`,
    "a=family-name b=given-name c=organization d=address-line2"],
  ["a name in two under one caption", `<table><tr><th>お名前</th><td><input name="o[name01]"><input name="o[name02]"></td></tr></table>`,
    "o[name01]=family-name o[name02]=given-name"],
  ["and its kana", `<table><tr><th>カナ</th><td><input name="o[kana01]"><input name="o[kana02]"></td></tr></table>`,
    "o[kana01]=family-name-kana o[kana02]=given-name-kana"],
  ["the same in English, the other way round", `<fieldset><legend>Your name</legend><input name=n1><input name=n2></fieldset>`,
    "n1=given-name n2=family-name"],
  ["the last part of a long name", `<input name="order[shipping_address][first_name]"><input name="checkout[address][zip]">`,
    "order[shipping_address][first_name]=given-name checkout[address][zip]=postal-code"],
  ["the end of a long name", `<input name="ship_shippingAddress_addressFields_lastName"><input name="f_shippingAddress_postalCode">`,
    "ship_shippingAddress_addressFields_lastN=family-name f_shippingAddress_postalCode=postal-code"],
  ["a framework's name", `<input name="ctl00$Main$tbOwnerTel1">`, "ctl00$Main$tbOwnerTel1=tel"],
  ["numbered address lines", `<input name=addr1><input name=address2>`, "addr1=address-line1 address2=address-line2"],
  ["a note under the line says which part", `<table><tr><th>住所</th><td><p><input name=addr01><br>市区町村名（例：千代田区）</p>
    <p><input name=addr02><br>番地・ビル名</p></td></tr></table>`, "addr01=address-level2 addr02=address-line1"],
  ["lines of a house, of a street and both", `<p>Apartment</p><input name=a><p>Street Address Line 2</p><input name=b><p>番地・建物名</p><input name=c>`,
    "a=address-line2 b=address-line2 c=address-line1"],
  ["a choice of prefectures", `<p>都道府県</p><select name=a><option>東京都</select>`, "a=address-level1"],
  ["that names itself", `<select name=a><option value="">都道府県を選択<option>東京都</select>`, "a=address-level1"],
  ["another choice", `<p>ご希望の連絡方法</p><select name=a><option>メール<option>電話</select>`, "a!unknown"],
  ["a country", `<p>Country / Region</p><select name=country><option>Japan</select>`, "country!unknown"],
  ["Spanish", `<p>Correo</p><input name=a><p>Teléfono móvil</p><input name=b><p>Apellidos</p><input name=c>`, "a=email b=tel c=family-name"],
  ["German", `<p>Vorname</p><input name=a><p>Nachname</p><input name=b><p>PLZ</p><input name=c>`, "a=given-name b=family-name c=postal-code"],
  ["French", `<p>Prénom</p><input name=a><p>Nom</p><input name=b><p>Code postal</p><input name=c>`, "a=given-name b=family-name c=postal-code"],
  ["Dutch", `<p>Voornaam</p><input name=a><p>Achternaam</p><input name=b>`, "a=given-name b=family-name"],
  ["Italian", `<p>Cognome</p><input name=a><p>CAP</p><input name=b><p>Indirizzo e-mail</p><input name=c>`, "a=family-name b=postal-code c=email"],
  ["both halves of a name", `<p>Nom et prénom</p><input name=a><p>Vor- und Nachname</p><input name=b>`, "a=name b=name"],
  ["Portuguese", `<p>Sobrenome</p><input name=a><p>CEP</p><input name=b><p>Celular</p><input name=c>`, "a=family-name b=postal-code c=tel"],
  ["Turkish", `<p>E-posta</p><input name=b><p>Telefon</p><input name=c>`, "b=email c=tel"],
  ["a caption before a doubtful name", `<p>Email address</p><input name=address aria-label="Email address">`, "address=email"],
  ["a number pad is no e-mail", `<label>Phone<input name="fields[email]" type=tel></label>`, "fields[email]=tel"],
  ["a remark in brackets refuses nothing", `<label>Mobile (a one-time password follows)<input name=mobile></label>`, "mobile=tel"],
  ["no user's name", `<label>Username<input name=name></label><input name=nickname><input name=user_name>`,
    "name!unknown nickname!unknown user_name!unknown"],
  ["no search, no coupon", `<input type=search name=name><input name=search_city><p>クーポン</p><input name=b>`,
    "name!unknown search_city!unknown b!unknown"],
  ["no birthday", `<p>生年月日</p><input name=birth_year><input type=date name=bday>`, "birth_year!unknown bday!type"],
  ["no free text", `<p>お名前</p><textarea name=name></textarea><p>ご住所</p><textarea name=b></textarea>`, "name!type b=street-address"],
  ["kanji set wide", `<p>氏　名</p><input name=a><p>住　所</p><input name=b><p>電 話</p><input name=c><p>必須 名</p><input name=d>`,
    "a=name b=street-address c=tel d=given-name"],
  ["whose name", `<p>お客様名</p><input name=a><p>ご芳名</p><input name=b><p>おなまえ</p><input name=c><p>宛名</p><input name=d>`,
    "a=name b=name c=name d=name"],
  ["in katakana only", `<p>ナマエ</p><input name=a><p>ケータイ</p><input name=c><p>メアド</p><input name=d>`, "a=name c=tel d=email"],
  ["who asks", `<p>ご相談者さま</p><input name=a><p>担当者氏名</p><input name=b><p>ご契約者名</p><input name=c>`, "a=name b=name c=name"],
  ["what else has a name", `<p>マンション名</p><input name=bukken_name><p>車名</p><input name=car_name><p>ペットのお名前</p><input name=c>
    <label>House name<input name=d></label><label>Previous family name<input name=e></label><label>Name to write on the cake<input name=name></label>`,
    "bukken_name!unknown car_name!unknown c!unknown d!unknown e!unknown name!unknown"],
  ["a word in brackets makes no name", `<label>Emergency contact (name and number)<input name=a></label><label>備考（お名前など）<input name=b></label>`,
    "a!unknown b!unknown"],
  ["no counting of children", `<p>大人 <input name=a>名 子供 <input name=kodomo>名</p>`, "a!unknown kodomo!unknown"],
  ["no code of a country, but one of an area", `<label>Country code<input name=a></label><fieldset><legend>Phone</legend><label><input name=areacode maxlength=3>(###)</label></fieldset>`,
    "a!unknown areacode=tel"],
  ["no pets and no children", `<p>ペットのお名前</p><input name=a><p>お子様のお名前</p><input name=b>`, "a!unknown b!unknown"],
  ["passwords", `<input type=password name=email><input name=passwd><p>暗証番号</p><input name=c>`,
    "email!password passwd!password c!password"],
  ["a password that is shown", `<label>Password<input name=a type=text></label>`, "a!password"],
  ["cards", `<input name=a autocomplete=cc-name><input name=card_number><input name=cvc><label>Name on card<input name=name></label>`,
    "a!card card_number!card cvc!card name!card"],
  ["a card's holder by what stands near", `<table><tr><th>カード名義</th><td><input name=name></td></tr></table>`, "name!card"],
  ["a name beside a payment", `<input name="payment[name]">`, "payment[name]!card"],
  ["whom a payment's form asks for", `<input name="payment[phone]"><input name="creditCard.billingAddress.lastName"><input name="payment[card][name]">`,
    "payment[phone]=tel creditCard.billingAddress.lastName=family-name payment[card][name]!card"],
  ["a sample is an address", `<p>Where shall we send it?</p><input name=a placeholder="name@example.com">`, "a=email"],
  ["words too rare to know", `<label>Daytime number<input name=b></label><label>Direct line<input name=c></label><label>Mother's maiden name<input name=d></label>`,
    "b!unknown c!unknown d!unknown"],
  ["a number to be reached at", `<p>Contact No.</p><input name=a><label>Best contact number<input name=b></label><label>Contact name<input name=c></label>
    <label>Emergency contact number<input name=d></label>`, "a=tel b=tel c=name d!unknown"],
  ["a contact's name and notes", `<label>Nom<input name=contact_nom></label><label>Nombre<input name=contact_nombre></label><label>Contact notes<input name=a></label>
    <label>Contact not required<input name=b></label>`, "contact_nom=family-name contact_nombre=given-name a!unknown b!unknown"],
  ["a name that is asked to be completed", `<label>Please complete<input name=last_name></label><label>Nom complet<input name=nom></label>`,
    "last_name=family-name nom=name"],
  ["a whole name, whatever its attribute says", `<label>Nome completo<input name=nome></label><label>Full Name<input name=firstname></label>`,
    "nome=name firstname=name"],
  ["but not its halves", `<b id=l>Full Name</b><p><input name="q[first]" aria-labelledby="l f"><i id=f>First Name</i></p>
    <p><input name="q[last]" aria-labelledby="l g"><i id=g>Last Name</i></p>`, "q[first]=given-name q[last]=family-name"],
  ["Russian, Vietnamese, and romaji alone", `<p>Телефон</p><input name=a><p>Эл. почта</p><input name=b><p>Почтовый адрес</p><input name=c><p>Số điện thoại</p><input name=d>
    <hr><input name=denwa>`, "a=tel b=email c!unknown d=tel denwa=tel"],
  ["answers to secret questions", `<p>お母様の旧姓は？</p><input name=a><p>親友の名前</p><input name=b><p>出身小学校の名前</p><input name=c><label>Name of your first pet<input name=d></label>`,
    "a!unknown b!unknown c!unknown d!unknown"],
  ["a card's holder abroad", `<p>Nom sur la carte</p><input name=a><p>Nombre del titular de la tarjeta</p><input name=b><p>Name des Karteninhabers</p><input name=c>
    <p>Nome impresso no cartão</p><input name=d><p>持卡人姓名</p><input name=e><p>Account holder name</p><input name=f>`, "a!card b!card c!card d!card e!card f!card"],
  ["in hiragana only", `<p>でんわばんごう</p><input name=a><p>めーるあどれす</p><input name=b><p>おなまえ</p><input name=c>`, "a=tel b=email c=name"],
  ["a name's halves under one caption, whatever they are called", `<p>会員氏名</p><input name=NAME_L> <input name=NAME_F>`,
    "NAME_L=family-name NAME_F=given-name"],
  ["a long vowel mark for a dash", `<p>電話</p><input name=a size=5>ー<input name=b size=5>ー<input name=c size=5>`, "a=tel b=tel c=tel"],
  ["the ends of camels", `<input name=enterAddressFullName><label>C.P.<input name=b></label><p>氏</p><input name=c>`,
    "enterAddressFullName=name b=postal-code c=family-name"],
  ["Polish and Czech", `<p>E-mail</p><input name=a><p>Telefon</p><input name=b><p>Adres</p><input name=c><p>PSČ</p><input name=zip>`,
    "a=email b=tel c=street-address zip=postal-code"],
  ["Nordic", `<p>Förnamn</p><input name=a><p>Efternavn</p><input name=b><p>Postnr.</p><input name=c><p>E-post</p><input name=d><p>Telefon</p><input name=e>`,
    "a=given-name b=family-name c=postal-code d=email e=tel"],
  ["French of two continents", `<p>Courriel</p><input name=a><p>Adresse électronique</p><input name=b><p>Nom de famille</p><input name=c>`,
    "a=email b=email c=family-name"],
  ["German at large", `<p>Handynummer</p><input name=a><p>Name, Vorname</p><input name=b><p>Kreditkarteninhaber: Name</p><input name=c>`, "a=tel b=name c!card"],
  ["codes", `<input name=a autocomplete=one-time-code><input name=otp><label>phone verification code<input name=phone></label>`,
    "a!one-time-code otp!one-time-code phone!one-time-code"],
  ["an e-mailed code", `<label>email verification code<input name=email_code></label>`, "email_code!one-time-code"],
  ["hidden, disabled, ignored", `<input name=email style="display:none"><input name=tel disabled><p data-modori-ignore><input name=zip></p>`,
    "email!hidden tel!disabled zip!ignored"],
  ["readonly is taken", `<input name=email readonly value=a@b.jp>`, "email=email"],
  ["type=hidden is none at all", `<input type=hidden name=email value=a@b.jp>`, ""],
  ["four numbers are a card's", `<p>電話</p><input name=t1 maxlength=4>-<input name=t2 maxlength=4>-<input name=t3 maxlength=4>-<input name=t4 maxlength=4>`,
    "t1!card t2!card t3!card t4!card"],
  ["once more, after the address", `<p>メール</p><input name=a><p>確認のためもう一度</p><input name=b>`, "a=email b!confirmation"],
  ["once more, after something else", `<p>お名前</p><input name=a><p>確認のためもう一度</p><input name=b>`, "a=name b!unknown"],
  ["a repeat", `<input name=email><label>確認用<input name=email2></label>`, "email=email email2!confirmation"],
  ["a lone field with such a word is none", `<label>メールアドレス（ご確認ください）<input name=a></label>`, "a=email"],
];
for (const [habit, html, expected] of MEANINGS) {
  test(`meaning: ${habit}`, () => assert.equal(meanings(html), expected));
}

const JOINS: [string, string, Record<string, string>, Record<string, string>][] = [
  ["a postcode of 3 and 4", `〒<input name=zip01 maxlength=3> - <input name=zip02 maxlength=4>`,
    { zip01: "１０５", zip02: "0011" }, { "postal-code": "105-0011" }],
  ["half of one says nothing", `〒<input name=zip01 maxlength=3> - <input name=zip02 maxlength=4>`, { zip01: "105" }, {}],
  ["a phone in three", `<p>電話番号</p><input name=tel1>-<input name=tel2>-<input name=tel3>`,
    { tel1: "090", tel2: "1234", tel3: "5678" }, { tel: "090-1234-5678" }],
  ["a whole phone in the first of three", `<p>電話番号</p><input name=tel1>-<input name=tel2>-<input name=tel3>`,
    { tel1: "09012345678" }, { tel: "09012345678" }],
  ["two phones are two", `<p>電話番号</p><input name=tel><p>携帯電話</p><input name=mobile>`,
    { tel: "0312345678", mobile: "09012345678" }, { tel: "0312345678" }],
  ["an e-mail around its @", `<p>メールアドレス</p><input name=mail_a>@<select name=mail_b><option>docomo.ne.jp<option>au.com</select>`,
    { mail_a: "hanako", mail_b: "au.com" }, { email: "hanako@au.com" }],
  ["a name in two", `<p>お名前</p><input name=name1><input name=name2>`, { name1: "山田", name2: "花子" },
    { "family-name": "山田", "given-name": "花子" }],
  ["full-width figures", `<input name=tel>`, { tel: "０９０ー１２３４ー５６７８" }, { tel: "090-1234-5678" }],
  ["hiragana in a kana field", `<p>フリガナ</p><input name=a>`, { a: "やまだ　はなこ" }, { "name-kana": "ヤマダ ハナコ" }],
  ["half-width kana", `<p>フリガナ</p><input name=a>`, { a: "ﾔﾏﾀﾞ" }, { "name-kana": "ヤマダ" }],
  ["house numbers", `<p>番地</p><input name=a>`, { a: "芝公園４−２−８" }, { "address-line1": "芝公園4-2-8" }],
  ["an e-mail where a phone is asked for", `<label>電話番号またはメール<input name=a autocomplete=tel></label>`, { a: "a@b.jp" }, { email: "a@b.jp" }],
  ["a repeat is compared and not taken", `<input name=email><input name=email_confirm>`,
    { email: "a@b.jp", email_confirm: "x@y.jp" }, { email: "a@b.jp" }],
  ["the buyer's before the recipient's", `<label>お届け先電話番号<input name=a></label><label>電話番号<input name=b></label>`,
    { a: "0300000001", b: "0900000002" }, { tel: "0900000002" }],
  ["the repeat counts where it stands alone", `<p>メール</p><input name=a><p>確認のためもう一度</p><input name=b>`, { b: "a@b.jp" }, { email: "a@b.jp" }],
  ["the contact's name before the representative's", `<p>代表者名</p><input name=a><p>ご担当者名</p><input name=b>`,
    { a: "社長 太郎", b: "担当 花子" }, { name: "担当 花子" }],
  ["the parent's before the student's", `<label>Student first name<input name=a></label><label>Parent first name<input name=b></label>`,
    { a: "Kid", b: "Mari" }, { "given-name": "Mari" }],
  ["an e-mail before a name to log in by", `<label>Email or username<input name=a></label><label>Email<input name=b></label>`,
    { a: "x@y.jp", b: "a@b.jp" }, { email: "a@b.jp" }],
  ["a card number in a name", `<input name=email><input name=name>`, { email: "a@b.jp", name: "4111 1111 1111 1111" }, { email: "a@b.jp" }],
  ["a card number in three boxes for a phone", `<input name=email><p>電話</p><input name=t1>-<input name=t2>-<input name=t3>`,
    { email: "a@b.jp", t1: "4111", t2: "1111", t3: "1111" }, { email: "a@b.jp" }],
  ["nothing that is not asked for", `<input name=email><input name=comment><input type=password name=pw>`,
    { email: "a@b.jp", comment: "SECRET", pw: "SECRET" }, { email: "a@b.jp" }],
];
for (const [habit, html, typed, expected] of JOINS) {
  test(`value: ${habit}`, () => assert.deepEqual(new Shop(html).type(typed).state()?.fields ?? {}, expected));
}

test("what lies far left of the page is a trap for robots", () => {
  const shop = new Shop(`<form><input name=email><p><input name=phone></p></form>`);
  const trap = shop.find("[name=phone]");
  trap.getBoundingClientRect = () => ({ x: -4800, y: 20, height: 20 }) as DOMRect;
  shop.document.elementsFromPoint = (x) => (x < 0 ? [] : Array.from(shop.document.querySelectorAll("input")));
  assert.deepEqual(shop.type({ email: "a@b.jp", phone: "0312345678" }).state()?.fields, { email: "a@b.jp" });
});

for (const [y, taken, height] of [[-790, true, 20], [-810, false, 20], [710, true, 20], [690, true, 40], [670, false, 20]] as const) {
  test(`a browser filled in what lies ${y} px from the screen's top, 800 px down the page: ${taken}`, () => {
    Object.assign(globalThis, { innerHeight: 700, scrollY: 800 });
    const shop = new Shop(`<form><input name=email><input name=tel></form>`);
    shop.find("[name=email]").getBoundingClientRect = () => ({ x: 20, y, height }) as DOMRect;
    shop.document.elementsFromPoint = (_, at) => (at > 0 && at < 700 ? [shop.find("[name=tel]")] : []);
    shop.find("[name=tel]").getBoundingClientRect = () => ({ x: 20, y: 100, height: 20 }) as DOMRect;
    assert.equal("email" in shop.type({ email: "a@b.jp", tel: "0312345678" }).state()!.fields, taken);
  });
}

const VALUES: [string, string, string | null][] = [
  ["email", " a@b.jp ", "a@b.jp"],
  ["email", "hanako", ""], // half typed: not an address yet
  ["email", "4111111111111111@x.jp", null],
  ["tel", "+4912345678901234", null], // 16 digits: no phone number is so long
  ["tel", "411111111111", null], // 12 digits without + or 0: a card number on its way
  ["tel", "+49 1512 3456780", "+49 1512 3456780"],
  ["tel", "090-1234-5678", "090-1234-5678"],
  ["tel", "(03) 1234.5678", "(03) 1234.5678"],
  ["tel", "090-1", ""], // half typed
  ["tel", "hanako", ""],
  ["name", "4111 1111 1111", null],
  ["name", "山田 花子", "山田 花子"],
  ["name", "メアリー", "メアリー"],
  ["address-line1", "芝公園4-2-8 1203", "芝公園4-2-8 1203"],
  ["postal-code", "１０５－００１１", "105-0011"],
  ["name-kana", "ﾌﾞﾗｳﾝ", "ブラウン"],
];
for (const [token, value, kept] of VALUES) {
  test(`${token} ${JSON.stringify(value)} is kept as ${JSON.stringify(kept)}`, () =>
    assert.equal(keepable(token, value, cards), kept));
}

/** Numbers that pass Luhn as the networks make them: prefix, digits. Repeatable: the seed is the test's. */
function cardNumbers(count: number): string[] {
  let seed = 20261122;
  const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
  const kinds: [string, number][] = [["4", 16], ["4", 13], ["4", 19], ["51", 16], ["2221", 16], ["34", 15], ["37", 15], ["35", 16], ["36", 14], ["6011", 16], ["62", 16]];
  return Array.from({ length: count }, (_, at) => {
    const [prefix, length] = kinds[at % kinds.length]!;
    let body = prefix;
    while (body.length < length - 1) body += random(10);
    const sum = Array.from(body).reverse().reduce((all, digit, place) => {
      const doubled = +digit * (place % 2 ? 1 : 2);
      return all + (doubled > 9 ? doubled - 9 : doubled);
    }, 0);
    return body + ((10 - (sum % 10)) % 10);
  });
}

const TOKENS = "email tel name family-name given-name name-kana postal-code address-level1 address-level2 address-line1 address-line2 street-address organization".split(" ");
const WRITINGS: [string, (digits: string) => string][] = [
  ["in one piece", (digits) => digits],
  ["by spaces", (digits) => digits.replace(/(.{4})(?=.)/g, "$1 ")],
  ["by wide spaces", (digits) => digits.replace(/(.{4})(?=.)/g, "$1\u3000")],
  ["by no-break spaces", (digits) => digits.replace(/(.{4})(?=.)/g, "$1\u00a0")],
  ["by hyphens", (digits) => digits.replace(/(.{4})(?=.)/g, "$1-")],
  ["by dashes", (digits) => digits.replace(/(.{4})(?=.)/g, "$1–")],
  ["by long vowel marks", (digits) => digits.replace(/(.{4})(?=.)/g, "$1ー")],
  ["by dots", (digits) => digits.replace(/(.{4})(?=.)/g, "$1.")],
  ["by slashes", (digits) => digits.replace(/(.{4})(?=.)/g, "$1/")],
  ["by one and one", (digits) => Array.from(digits).join(" ")],
  ["in full width", (digits) => digits.replace(/\d/g, (digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0))],
  ["in full width by dashes", (digits) => digits.replace(/(.{4})(?=.)/g, "$1－").replace(/\d/g, (digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0))],
  ["within words", (digits) => `カードは ${digits} です`],
  ["before an @", (digits) => digits + "@mail.jp"],
  ["with a plus", (digits) => "+" + digits],
];
for (const [writing, write] of WRITINGS) {
  test(`g8 a card number ${writing} is kept under no token`, () => {
    for (const number of cardNumbers(110)) for (const token of TOKENS) assert.ok(!keepable(token, write(number), cards), token + " " + write(number));
  });
}

test("g8 a card number in any field of any kind of form is in no state", () => {
  const captions = ["メールアドレス", "電話番号", "お名前", "フリガナ", "郵便番号", "ご住所", "会社名", "カード番号", "セキュリティコード", "有効期限", "認証コード", "備考"];
  const html = captions.map((caption, at) => `<p>${caption}</p><input name=f${at}>`).join("");
  const splits = `<p>電話番号</p><input name=s0>-<input name=s1>-<input name=s2>-<input name=s3><p>〒</p><input name=s4>-<input name=s5>-<input name=s6>`;
  for (const number of cardNumbers(22)) {
    for (const [, write] of WRITINGS) {
      const typed: Record<string, string> = {};
      captions.forEach((_, at) => (typed["f" + at] = write(number)));
      for (let at = 0; at < 7; at++) typed["s" + at] = number.slice((at % 4) * 4, (at % 4) * 4 + 4);
      assert.deepEqual(new Shop(html + splits).type(typed).state()?.fields ?? {}, {});
    }
  }
});

test("what is brought back is cut as the page asks for it, and only into what is empty", () => {
  const shop = new Shop(`<form><p>電話</p><input name=t1 maxlength=4>-<input name=t2 maxlength=4>-<input name=t3 maxlength=4>
    <p>〒</p><input name=z1 maxlength=3>-<input name=z2 maxlength=4><p>お名前</p><input name=name value="次郎">
    <p>メール</p><input name=email><input name=email_confirm>
    <select name=pref><option value=""><option value=13>東京都</select><input type=password name=pw></form>`);
  const values = { tel: "09012345678", "postal-code": "105-0011", name: "花子", email: "a@b.jp", "address-level1": "東京都" };
  assert.equal(fill(shop.core, values), 4);
  const now = Array.from(shop.document.querySelectorAll<HTMLInputElement>("input,select"), (field) => field.value);
  assert.deepEqual(now, ["090", "1234", "5678", "105", "0011", "次郎", "a@b.jp", "", "13", ""]);
});
