/** How forms are watched: what is noted, when it is read, and what outlives its elements. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Window as DomWindow } from "happy-dom";
import { startForms } from "../src/forms/index";
import { digitRuns, holdsCardNumber } from "../src/luhn";
import type { Core, FormWatch } from "../src/parts";

class Shop {
  readonly dom = new DomWindow({ url: "https://shop.example/" });
  readonly document = this.dom.document as unknown as Document;
  readonly forms: FormWatch;
  now = 1000;
  soon = 0;
  collected = 0;

  constructor(html: string, before: (shop: Shop) => void = () => {}) {
    this.document.body.innerHTML = html;
    before(this);
    const shop = this;
    const page = Object.assign(this.dom, { Date: class extends Date { static now = () => shop.now; } });
    const core = {
      page,
      safely: (work: unknown) => work,
      soon: () => shop.soon++,
      collect: () => shop.collected++,
      digitRuns,
      holdsCardNumber,
    };
    this.forms = startForms(core as unknown as Core);
  }

  find(selector: string): HTMLInputElement {
    return this.document.querySelector(selector) as HTMLInputElement;
  }

  fire(target: Element, type: string, composed = type !== "change" && type !== "submit"): void {
    target.dispatchEvent(new this.dom.Event(type, { bubbles: true, composed }) as never);
  }

  type(field: HTMLInputElement, value: string): void {
    field.value = value;
    this.fire(field, "input");
  }

  /** Type into a field that has the focus, as far as a person has come. */
  typeOn(field: HTMLInputElement, value: string): void {
    field.focus();
    this.fire(field, "focusin");
    this.type(field, value);
  }

  /** The fields of every form that says something new, by its name. */
  news(leaving = false): Record<string, Record<string, string>> {
    return Object.fromEntries(this.forms.changes(leaving).map(({ state }) => [state.form, state.fields]));
  }
}

test("an event reads nothing: a field's value is asked for only when changes are", () => {
  const shop = new Shop(`<input name=email>`);
  let reads = 0;
  const field = shop.find("input");
  Object.defineProperty(field, "value", { get: () => (reads++, "a@b.jp") });
  for (const type of ["focusin", "input", "input", "change", "focusout"]) shop.fire(field, type);
  assert.equal(reads, 0);
  assert.deepEqual(shop.news(), { page: { email: "a@b.jp" } });
  assert.ok(reads > 0 && shop.soon > 0 && shop.collected === 1);
});

test("the value of a field that is not taken is never asked for", () => {
  const refused = `<form><input name=email><input type=password name=p><input name=cvc><input autocomplete=cc-number>
    <input name=otp><input name=comment><input name=tel disabled><p data-modori-ignore><input name=zip></p></form>`;
  const shop = new Shop(refused, ({ document }) => {
    document.querySelectorAll("input:not([name=email])").forEach((field) => {
      Object.defineProperty(field, "value", { get: () => assert.fail((field as HTMLInputElement).name) });
    });
  });
  shop.document.querySelectorAll("input").forEach((field) => shop.fire(field, "input"));
  shop.type(shop.find("[name=email]"), "a@b.jp");
  assert.deepEqual(shop.news(), { "form-0": { email: "a@b.jp" } });
});

test("a password that was shown stays one, whatever its type says now", () => {
  const shop = new Shop(`<form><input name=email><input type=password name=tel></form>`);
  const password = shop.find("[name=tel]");
  shop.forms.changes();
  password.type = "text";
  shop.type(password, "09012345678");
  shop.type(shop.find("[name=email]"), "a@b.jp");
  assert.deepEqual(shop.news(), { "form-0": { email: "a@b.jp" } });
});

test("a field that a framework uses for something else is asked again what it means", () => {
  const shop = new Shop(`<form><input name=email></form>`);
  const field = shop.find("input");
  shop.type(field, "a@b.jp");
  shop.forms.changes();
  field.name = "cardnumber";
  shop.type(field, "SECRET@x.jp");
  assert.deepEqual(shop.news(), {});
});

test("a half-composed word is not read", () => {
  const shop = new Shop(`<form id=f><input name=name></form>`);
  const field = shop.find("input");
  const compose = (text: string) => {
    field.value = text;
    const event = new shop.dom.Event("input", { bubbles: true });
    field.dispatchEvent(Object.assign(event, { isComposing: true }) as never);
  };
  compose("やまd");
  assert.deepEqual(shop.news(), {});
  compose("山田");
  shop.fire(field, "compositionend");
  assert.deepEqual(shop.news(), { f: { name: "山田" } });
});

const LEAVINGS: [string, (shop: Shop, field: HTMLInputElement) => void][] = [
  ["changed", (shop, field) => shop.fire(field, "change")],
  ["left", (shop, field) => shop.fire(field, "focusout")],
  ["sent", (shop, field) => shop.fire(field.form!, "submit")],
  ["finished by Enter", (shop, field) =>
    field.dispatchEvent(Object.assign(new shop.dom.Event("keydown", { bubbles: true }), { key: "Enter" }) as never)],
];
for (const [how, leave] of LEAVINGS) {
  test(`what is being typed is not read before it is ${how}`, () => {
    const shop = new Shop(`<form id=f><input name=tel><input name=email></form>`);
    const field = shop.find("[name=tel]");
    shop.typeOn(shop.find("[name=email]"), "a@b.jp");
    assert.deepEqual(shop.news(), {});
    shop.typeOn(field, "0312");
    assert.deepEqual(shop.news(), { f: { email: "a@b.jp" } });
    shop.type(field, "0312345678");
    assert.deepEqual(shop.news(), {});
    leave(shop, field);
    assert.deepEqual(shop.news(), { f: { email: "a@b.jp", tel: "0312345678" } });
  });
}

test("what is being typed keeps what it said, one of several parts too, and is read when the page is left", () => {
  const shop = new Shop(`<form id=f><p>電話</p><input name=t1 maxlength=3>-<input name=t2 maxlength=4>-<input name=t3 maxlength=4></form>`);
  ["090", "1234", "5678"].forEach((part, at) => shop.type(shop.find(`[name=t${at + 1}]`), part));
  assert.deepEqual(shop.news(), { f: { tel: "090-1234-5678" } });
  shop.typeOn(shop.find("[name=t2]"), "99");
  assert.deepEqual(shop.forms.changes()[0]?.state.fields ?? { tel: "090-1234-5678" }, { tel: "090-1234-5678" });
  shop.type(shop.find("[name=t2]"), "9999");
  assert.deepEqual(shop.news(true), { f: { tel: "090-9999-5678" } });
});

test("a field that was half typed when this script came is not read before it is left", () => {
  const shop = new Shop(`<form id=f><input name=tel></form>`, (early) => {
    early.find("input").focus();
    early.find("input").value = "03123456";
  });
  assert.deepEqual(shop.news(), {});
  assert.deepEqual(shop.news(true), { f: { tel: "03123456" } });
});

test("what a page writes and says by itself is read at once", () => {
  const shop = new Shop(`<form id=f><input name=zip><input name=address></form>`);
  shop.find("[name=zip]").focus();
  shop.type(shop.find("[name=address]"), "東京都港区1-2-3");
  assert.equal(Object.keys(shop.news().f!).length, 1);
});

test("several forms, and fields in none, are told apart", () => {
  const shop = new Shop(`<form id=a><input name=email></form><form name=b><input name=email></form><input name=tel>`);
  shop.document.querySelectorAll("input").forEach((field, at) => shop.type(field, at < 2 ? at + "@b.jp" : "0312345678"));
  assert.deepEqual(shop.news(), { a: { email: "0@b.jp" }, b: { email: "1@b.jp" }, page: { tel: "0312345678" } });
  assert.deepEqual(shop.news(), {}, "nothing new");
});

test("a form that comes later, and one that takes another's place and keeps what it said", () => {
  const shop = new Shop("");
  shop.document.body.innerHTML = `<form id=f><input name=email><input name=tel></form>`;
  shop.type(shop.find("[name=email]"), "a@b.jp");
  assert.deepEqual(shop.news(), { f: { email: "a@b.jp" } });
  shop.document.body.innerHTML = `<form id=f><input name=tel></form>`;
  shop.type(shop.find("[name=tel]"), "0312345678");
  assert.deepEqual(shop.news(), { f: { email: "a@b.jp", tel: "0312345678" } });
});

test("filled in before the script came, or by the browser without any event", () => {
  const shop = new Shop(`<form id=f><input name=email><input name=tel value="0300000000"></form>`, (early) => {
    early.find("[name=email]").value = "a@b.jp";
  });
  assert.deepEqual(shop.news(), { f: { email: "a@b.jp", tel: "0300000000" } });
  shop.find("[name=tel]").value = "0311111111";
  assert.equal(shop.news().f!.tel, "0311111111");
});

test("an open shadow root, and a form around it", () => {
  const shop = new Shop(`<form id=f><my-field></my-field></form>`, ({ document }) => {
    document.querySelector("my-field")!.attachShadow({ mode: "open" }).innerHTML = `<input name=email>`;
  });
  const field = shop.document.querySelector("my-field")!.shadowRoot!.querySelector("input")!;
  shop.fire(field, "focusin");
  shop.type(field, "a@b.jp");
  assert.deepEqual(shop.news(), { f: { email: "a@b.jp" } });
  field.value = "c@d.jp";
  shop.fire(field, "change");
  assert.equal(shop.collected, 1, "heard within the shadow root, which a change does not leave");
});

test("forms of one name that are here at once are two: in shadow roots and frames", () => {
  const html = `<form><input name=email></form>`;
  const shop = new Shop(`<my-a></my-a><my-b></my-b>`, ({ document }) => {
    for (const host of document.querySelectorAll("my-a,my-b")) host.attachShadow({ mode: "open" }).innerHTML = html;
  });
  const [one, two] = Array.from(shop.document.querySelectorAll("my-a,my-b"), (host) => host.shadowRoot!.querySelector("input")!);
  for (const field of [one, two]) shop.fire(field!, "focusin");
  shop.type(one!, "a@b.jp");
  shop.type(two!, "c@d.jp");
  assert.deepEqual(Object.values(shop.news()), [{ email: "a@b.jp" }, { email: "c@d.jp" }]);
  shop.type(one!, "");
  shop.type(one!, "e@f.jp");
  assert.deepEqual(shop.news(), { "form--1": { email: "e@f.jp" } });
});

test("time with the focus and later changes, by meaning", () => {
  const shop = new Shop(`<form id=f><p>電話</p><input name=t1 maxlength=3>-<input name=t2 maxlength=4>-<input name=t3 maxlength=4></form>`);
  ["090", "1234", "5678"].forEach((part, at) => {
    const field = shop.find(`[name=t${at + 1}]`);
    shop.fire(field, "focusin");
    shop.now += 500;
    shop.type(field, part);
    shop.fire(field, "change");
    shop.fire(field, "focusout");
  });
  const [first] = shop.forms.changes();
  assert.deepEqual(first!.state.times, { tel: { ms: 1500, edits: 0 } });
  assert.equal(first!.at, 2500);
  shop.type(shop.find("[name=t3]"), "5679");
  shop.fire(shop.find("[name=t3]"), "change");
  assert.deepEqual(shop.forms.changes()[0]!.state.times, { tel: { ms: 1500, edits: 1 } });
});

test("a field that had the focus before this script came has its time from then on", () => {
  const shop = new Shop(`<form id=f><input name=email></form>`, (early) => early.find("input").focus());
  shop.now += 3000;
  shop.type(shop.find("input"), "a@b.jp");
  shop.fire(shop.find("input"), "focusout");
  assert.deepEqual(shop.forms.changes()[0]!.state.times, { email: { ms: 3000, edits: 0 } });
});

test("the survey comes with the first state and again when it changes, and holds no value", () => {
  const shop = new Shop(`<form id=f><input name=email><input name=cvc></form>`);
  shop.type(shop.find("[name=email]"), "a@b.jp");
  const surveys = () => shop.forms.changes().map(({ state }) => state.survey);
  const said = [{ field: "email", token: "email", why: "taken" }, { field: "cvc", token: null, why: "card" }];
  assert.deepEqual(surveys(), [said]);
  shop.type(shop.find("[name=email]"), "c@d.jp");
  assert.deepEqual(surveys(), [undefined]);
  shop.find("form").insertAdjacentHTML("beforeend", "<input name=tel>");
  shop.type(shop.find("[name=email]"), "e@f.jp");
  assert.deepEqual(surveys(), [[...said, { field: "tel", token: "tel", why: "taken" }]]);
});

test("what is sent is said once; what is forgotten is not said again", () => {
  const shop = new Shop(`<form id=f><input name=email required><input name=tel></form>`);
  shop.type(shop.find("[name=email]"), "a@b.jp");
  shop.fire(shop.find("form"), "submit");
  const [{ state }] = shop.forms.changes() as any;
  assert.deepEqual([state.submitted, state.progress, state.last_field], [true, 1, "email"]);
  shop.forms.forget();
  assert.deepEqual(shop.news(), {});
});
