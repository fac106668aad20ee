/** What forms do to a reader: used again, drawn anew, standing elsewhere, filled with what nobody asked for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Window as DomWindow } from "happy-dom";
import { startForms } from "../src/forms/index";
import { keepable } from "../src/forms/values";
import { digitRuns, holdsCardNumber } from "../src/luhn";
import type { Core, FormWatch } from "../src/parts";

const cards = { digitRuns, holdsCardNumber };

class Shop {
  readonly dom = new DomWindow({ url: "https://shop.example/" });
  readonly document = this.dom.document as unknown as Document;
  readonly forms: FormWatch;
  now = 1_000_000;

  constructor(html: string, before: (shop: Shop) => void = () => {}) {
    this.document.body.innerHTML = html;
    before(this);
    const now = () => this.now;
    const page = Object.assign(this.dom, { Date: class extends Date { static now = now; } });
    const core = { ...cards, page, safely: (work: unknown) => work, soon: () => {}, collect: () => {} };
    this.forms = startForms(core as unknown as Core);
  }

  find(selector: string): HTMLInputElement {
    return this.document.querySelector(selector) as HTMLInputElement;
  }

  fire(target: Element, type: string, members: object = {}): void {
    target.dispatchEvent(Object.assign(new this.dom.Event(type, { bubbles: true, composed: true }), members) as never);
  }

  /** Come to a field, type, and leave it. */
  fill(field: HTMLInputElement, value: string): void {
    field.value = value;
    for (const type of ["focusin", "input", "change", "focusout"]) this.fire(field, type);
  }

  /** What every form says together. */
  news(leaving = false): Record<string, string> {
    return Object.assign({}, ...this.forms.changes(leaving).map(({ state }) => state.fields));
  }
}

const REUSES: [string, (field: HTMLInputElement) => void][] = [
  ["autocomplete", (field) => field.setAttribute("autocomplete", "cc-csc")],
  ["its label", (field) => (field.previousElementSibling!.textContent = "パスワード")],
  ["its placeholder", (field) => field.setAttribute("placeholder", "パスワード")],
  ["aria-label", (field) => field.setAttribute("aria-label", "暗証番号")],
  ["its label, to something that is not asked for", (field) => (field.previousElementSibling!.textContent = "ご要望")],
];
for (const [what, change] of REUSES) {
  test(`g8 a field that is used again is understood anew: by ${what}`, () => {
    const shop = new Shop(`<form id=f><label><span>お名前</span><input></label></form>`);
    const field = shop.find("input");
    shop.fill(field, "山田花子");
    assert.deepEqual(shop.news(), { name: "山田花子" });
    change(field);
    shop.fill(field, "hunter-SECRET");
    assert.ok(!JSON.stringify(shop.news(true)).includes("SECRET"));
  });
}

test("g8 what has asked for a secret asks for one, whatever becomes of its captions", () => {
  const shop = new Shop(`<form id=f><p>お名前</p><input placeholder="パスワード"><input name=email></form>`);
  const field = shop.find("[placeholder]");
  shop.fire(field, "focusin");
  field.setAttribute("placeholder", "お名前");
  shop.fill(field, "SECRET");
  shop.fill(shop.find("[name=email]"), "a@b.jp");
  assert.deepEqual(shop.news(), { email: "a@b.jp" });
});

test("a field that is used again for something else that is asked for is taken as that", () => {
  const shop = new Shop(`<form id=f><label><span>お名前</span><input></label></form>`);
  shop.fill(shop.find("input"), "山田花子");
  assert.deepEqual(shop.news(), { name: "山田花子" });
  shop.find("span").textContent = "電話番号";
  shop.fill(shop.find("input"), "0312345678");
  assert.equal(shop.news().tel, "0312345678");
});

test("a placeholder that is taken away while somebody types, and a message before the field, change no meaning", () => {
  const shop = new Shop(`<form id=f><div><input class=a placeholder="メールアドレス"></div><div><p>電話番号</p><input class=b></div></form>`);
  shop.fire(shop.find(".a"), "focusin");
  shop.find(".a").removeAttribute("placeholder");
  shop.fill(shop.find(".a"), "a@b.jp");
  shop.find(".b").insertAdjacentHTML("beforebegin", "<p>入力してください</p>");
  shop.fill(shop.find(".b"), "0312345678");
  assert.deepEqual(shop.news(), { email: "a@b.jp", tel: "0312345678" });
});

const IGNORED: [string, string, (document: Document) => Element][] = [
  ["a form that owns it from afar", `<form id=g data-modori-ignore></form><input id=in form=g name=name>`,
    (document) => document.querySelector("#in")!],
  ["its shadow root's host", `<div id=host data-modori-ignore></div>`, (document) => {
    const root = document.querySelector("#host")!.attachShadow({ mode: "open" });
    root.innerHTML = `<input id=in name=name>`;
    return root.querySelector("#in")!;
  }],
];
for (const [where, html, enter] of IGNORED) {
  test(`g8 a field is not read where ${where} is to be ignored`, () => {
    let field!: HTMLInputElement;
    const shop = new Shop(`<form id=f><input name=email></form>` + html, (early) => (field = enter(early.document) as HTMLInputElement));
    shop.fill(field, "SECRET");
    shop.fill(shop.find("[name=email]"), "a@b.jp");
    assert.deepEqual(shop.news(true), { email: "a@b.jp" });
  });
}

test("a form that is called `host` is a form like others", () => {
  const shop = new Shop(`<form name=host><input name=email></form>`);
  (shop.document as any).host ??= shop.find("form"); // as browsers have it
  shop.fill(shop.find("input"), "a@b.jp");
  assert.deepEqual(shop.news(), { email: "a@b.jp" });
});

test("a form with a field called `elements` is read", () => {
  const shop = new Shop(`<form id=f><input name=elements><input name=email></form>`);
  const form = shop.find("form");
  Object.defineProperty(form, "elements", { value: shop.find("[name=elements]") }); // as browsers have it
  shop.fill(shop.find("[name=email]"), "a@b.jp");
  assert.deepEqual(shop.news(), { email: "a@b.jp" });
});

test("a field that is taken away while a word is composed does not silence its form", () => {
  const shop = new Shop(`<form id=f><span><input name=name></span><input name=email></form>`);
  const field = shop.find("[name=name]");
  field.focus();
  field.value = "やまd";
  shop.fire(field, "input", { isComposing: true });
  assert.deepEqual(shop.news(), {});
  shop.find("span").innerHTML = "<input name=name>";
  shop.fill(shop.find("[name=email]"), "a@b.jp");
  assert.deepEqual(shop.news(), { email: "a@b.jp" });
});

const REDRAWN: [string, (shop: Shop, html: string) => void][] = [
  ["a form", (shop, html) => (shop.document.body.innerHTML = html)],
  ["a field", (shop, html) => (shop.find("form").innerHTML = html.replace(/<\/?form.*?>/g, ""))],
];
for (const [what, draw] of REDRAWN) {
  test(`${what} that is drawn anew after each key: the last value counts, and not before the field is left`, () => {
    const html = (tel: string) => `<form id=f><input name=email value="a@b.jp"><input name=tel value="${tel}"></form>`;
    const shop = new Shop(html(""));
    shop.fill(shop.find("[name=email]"), "a@b.jp");
    assert.deepEqual(shop.news(), { email: "a@b.jp" });
    const come = () => shop.find("[name=tel]").focus();
    come();
    for (const tel of ["03123456", "0312345678"]) {
      shop.find("[name=tel]").value = tel;
      shop.fire(shop.find("[name=tel]"), "input");
      draw(shop, html(tel));
      come();
      assert.equal(shop.news().tel, undefined, tel);
    }
    shop.fire(shop.find("[name=tel]"), "focusout");
    const [{ state }] = shop.forms.changes() as any;
    assert.deepEqual([state.fields, state.last_field], [{ email: "a@b.jp", tel: "0312345678" }, "tel"]);
  });
}

test("a form that is drawn anew after it was sent stays sent, whoever comes to it", () => {
  const html = `<form id=f><input name=email></form>`;
  const shop = new Shop(html);
  shop.fill(shop.find("input"), "a@b.jp");
  shop.fire(shop.find("form"), "submit");
  assert.equal(shop.forms.changes()[0]!.state.submitted, true);
  shop.document.body.innerHTML = html;
  shop.fire(shop.find("input"), "focusin");
  assert.deepEqual(shop.forms.changes(), []);
});

test("what was being composed when the page went is not read; what was composed before is", () => {
  const shop = new Shop(`<form id=f><input name=name></form>`);
  const field = shop.find("input");
  field.focus();
  for (const [text, waited, read] of [["山田はなk", 0, {}], ["山田はなこ", 1000, { name: "山田はなこ" }]] as const) {
    field.value = text;
    shop.fire(field, "input", { isComposing: true });
    shop.fire(field, "compositionend");
    shop.now += waited;
    assert.deepEqual(shop.news(true), read);
  }
});

test("a pasted book is neither looked through nor kept", () => {
  const shop = new Shop(`<form id=f><textarea name=address></textarea></form>`);
  let trims = 0;
  const book = Object.assign(Object("住所".repeat(600)), { trim: () => trims++ });
  const field = shop.document.querySelector("textarea")!;
  Object.defineProperty(field, "value", { get: () => book });
  shop.fire(field, "input");
  shop.fire(field, "change");
  assert.deepEqual([shop.news(), trims], [{}, 0]);
});

const VALUES: [token: string, value: string, kept: string | null][] = [
  // A password in the wrong field.
  ["email", "P@ssw0rd!77", ""],
  ["email", "P@ssw0rd", ""],
  ["email", "taro@exa", ""],
  ["email", "taro.x+1@mail.example.co.jp", "taro.x+1@mail.example.co.jp"],
  ["email", "09012345678@mobile.example", "09012345678@mobile.example"],
  ["email", "taro@xn--wgv71a.example", "taro@xn--wgv71a.example"],
  // A code, or the beginning of a card number.
  ["name", "987", null],
  ["name", "4111 1", null],
  ["name", "９８７", null],
  ["name", "٩٨٧", null],
  ["family-name", "41111111", null],
  ["given-name-kana", "１２３４", null],
  ["name", "花子 2", "花子 2"],
  ["name", "John Smith 3rd", "John Smith 3rd"],
  ["organization", "株式会社104", "株式会社104"],
  ["tel", "41111111111", null],
  ["tel", "5500000000", "5500000000"],
  ["tel", "16505550100", "16505550100"],
  ["tel", "0901234567", "0901234567"],
  ["tel", "+819012345678", "+819012345678"],
  // What clipboards put around.
  ["tel", "\u202d090-1234-5678\u202c", "090-1234-5678"],
  ["tel", "\u200e09012345678", "09012345678"],
  ["email", "\u200btaro@shop.example", "taro@shop.example"],
];
for (const [token, value, kept] of VALUES) {
  test(`g8 ${token} ${JSON.stringify(value)} is kept as ${JSON.stringify(kept)}`, () =>
    assert.equal(keepable(token, value, cards), kept));
}

const DIGITS: [string, string][] = [
  ["Arabic", "٤١١١١١١١١١١١١١١١"],
  ["Persian", "۴۱۱۱۱۱۱۱۱۱۱۱۱۱۱۱"],
  ["Devanagari", "४१११११११११११११११"],
  ["Thai", "๔๑๑๑๑๑๑๑๑๑๑๑๑๑๑๑"],
  ["with 一 for a dash", "4111一1111一1111一1111"],
  ["with の", "4111の1111の1111の1111"],
  ["with x", "4111x1111X1111x1111"],
  ["mixed", "4111١١١١1111１１１１"],
];
for (const [script, number] of DIGITS) {
  test(`g8 a card number in digits ${script} is known`, () => {
    assert.ok(holdsCardNumber(number));
    for (const token of ["name", "tel", "street-address", "organization", "postal-code"]) {
      assert.equal(keepable(token, number, cards), null, token);
    }
  });
}

const GOODS: [string, boolean][] = [
  ["2223003122003222", true], // Mastercard's second series
  ["30569309025904", true], // Diners
  ["20261122104053", false], // a time
  ["4901234567894", false], // JAN
];
for (const [code, refused] of GOODS) {
  test(`g8 of goods' codes ${code} is ${refused ? "" : "not "}taken for a card number`, () =>
    assert.equal(holdsCardNumber(code, true), refused));
}
