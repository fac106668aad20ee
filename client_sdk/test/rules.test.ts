/** The pure parts, as tables. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { reportOf } from "../src/commands";
import { parseConfig } from "../src/config";
import { randomHex } from "../src/ids";
import { holdsCardNumber } from "../src/luhn";
import { adsGranted, choose, isRefused, mayCapture } from "../src/permission";
import { enqueue, type Item, mergeStored, takeBatch } from "../src/queue";
import { mayRetry, retryWaitMs } from "../src/retry";
import { clip, utf8Bytes } from "../src/text";
import { absoluteUrl, pageUrl } from "../src/url";
import type { Page } from "../src/wire";

const CARDS: [string, boolean, string][] = [
  ["4111111111111111", true, "16 digits"],
  ["4111 1111 1111 1111", true, "spaces"],
  ["4111-1111-1111-1111", true, "dashes"],
  ["４１１１　１１１１　１１１１　１１１１", true, "full width"],
  ["４１１１ー１１１１ー１１１１ー１１１１", true, "the long vowel mark as a dash"],
  ["4111‐1111―1111−1111", true, "other dashes"],
  ["4111.1111/1111_1111", true, "dots and the like"],
  ["411111\u200b1111111111", true, "a zero-width space"],
  ["card: 4111111111111111.", true, "within a text"],
  ["4222222222222", true, "13 digits, the shortest"],
  ["6304000000000000000", true, "19 digits, the longest"],
  ["123 4111111111111111 456", true, "with digits around it"],
  ["1111111111111", false, "the checksum fails"],
  ["411111111111111", false, "15 digits, of which none fit"],
  ["090-1234-5678", false, "a phone number"],
  ["+81 90 1234 5678", false, "a phone number with its country"],
  ["4111a1111b1111c1111", false, "letters between are no writing of a number"],
  ["", false, "nothing"],
];
test("of ids and codes of goods only what is as long as a card number and begins like one is taken for one", () => {
  for (const code of ["4111111111111111", "378282246310005"]) assert.equal(holdsCardNumber(code, true), true, code);
  for (const code of ["4222222222222", "20261122063015", "1111111111111117"]) assert.equal(holdsCardNumber(code, true), false, code);
});
for (const [text, expected, why] of CARDS) {
  test(`card number: ${JSON.stringify(text)} · ${why}`, () => assert.equal(holdsCardNumber(text), expected));
}

test("a page's address keeps only utm_* and the click token", () => {
  const address = "https://u:p@shop.example:8443/a/b?email=x%40y&utm_source=mail&modori_t=T1&token=s&xutm_a=1#top";
  assert.equal(pageUrl(new URL(address)), "https://shop.example:8443/a/b?utm_source=mail&modori_t=T1");
  assert.equal(pageUrl(new URL("https://shop.example/?q=1")), "https://shop.example/");
});

test("a given address becomes absolute, and only web addresses pass", () => {
  assert.equal(absoluteUrl("/cart?items=1:2", "https://s.jp/x"), "https://s.jp/cart?items=1:2");
  for (const bad of ["javascript:alert(1)", "data:text/html,x", "http://", "", 5, null, "/" + "x".repeat(3000)]) {
    assert.equal(absoluteUrl(bad, "https://s.jp/"), undefined);
  }
});

test("text is cut between characters", () => {
  assert.equal(clip("ab😀", 3), "ab");
  assert.equal(clip("ab😀", 4), "ab😀");
  assert.equal(utf8Bytes("戻り"), 6);
});

test("a config that is not understood means off", () => {
  for (const text of ["", "null", "[]", "{", '{"mode":"on"}', '{"mode":["notice"," "]}', '"notice"']) {
    assert.equal(parseConfig(text).mode, undefined, text);
  }
  const config = parseConfig('{"mode":"notice","notice_selector":"#n","heartbeat_s":0,"gpc":true}');
  assert.deepEqual(config, { mode: "notice", noticeSelector: "#n", heartbeatMs: 15_000, gpc: true });
  assert.equal(parseConfig('{"heartbeat_s":20}').heartbeatMs, 20_000);
});

const yes = () => true;
const no = () => false;
const PERMISSION: [string, string, () => boolean, boolean][] = [
  ["off", "email", yes, false],
  ["notice", "", yes, true],
  ["notice", "email", no, false],
  ["notice", "-", yes, false],
  ["after-consent", "", yes, false],
  ["after-consent", "capture", no, true],
  ["after-consent", "sms email", no, true],
  ["after-consent", "-", yes, false],
];
for (const [mode, choice, notice, expected] of PERMISSION) {
  test(`mode ${mode}, choice "${choice}", notice ${notice()}: capture ${expected}`, () => {
    const config = parseConfig(JSON.stringify({ mode, notice_selector: "x" }));
    assert.equal(!!mayCapture(config, choice, isRefused(choice), notice), expected);
  });
}

const AD_CONSENTS: [object, boolean | undefined][] = [
  [{}, undefined],
  [{ ad_storage: "granted" }, undefined], // the person's data has not been spoken of
  [{ ad_user_data: "denied" }, false], // one denied is an answer, whatever is said of the other
  [{ ad_storage: "denied" }, false],
  [{ ad_storage: "granted", ad_user_data: "granted" }, true],
  [{ ad_storage: "granted", ad_user_data: "denied" }, false],
  [{ ad_storage: "denied", ad_user_data: "granted" }, false],
  [{ ad_storage: true, ad_user_data: "granted" }, undefined],
];
for (const [said, expected] of AD_CONSENTS) {
  test(`Consent Mode ${JSON.stringify(said)}: granted ${expected}`, () => {
    assert.equal(adsGranted(said), expected);
  });
}

const CHOICES: [string, string, boolean, string][] = [
  ["", "email", true, "email"],
  ["email", "email", true, "email"],
  ["email", "sms", true, "email sms"],
  ["email sms", "email", false, "sms"],
  ["email", "capture", false, "-"],
  ["-", "email", true, "-"], // a mailing wish does not undo "do not watch me"
  ["-", "capture", true, "capture"],
  ["", "analytics", true, ""], // the server could not take it as evidence
  ["sms", "undefined", true, "sms"],
  ["sms", "-", true, "sms"],
];
for (const [before, channel, granted, after] of CHOICES) {
  test(`choice "${before}", then ${channel} ${granted}: "${after}"`, () => {
    assert.equal(choose(before, channel, granted), after);
  });
}

const item = (id: string, key = "", json = "{}"): Item => ({ id, key, json });
const ids = (items: Item[]) => items.map(({ id }) => id).join(" ");

test("a newer state takes an unsent one's place, never that of one on its way", () => {
  let queue = [item("a", "cart"), item("b", "form x"), item("c", ""), item("d", "")];
  queue = enqueue(queue, item("e", "cart"));
  assert.equal(ids(queue), "b c d e");
  queue[3]!.sending = true;
  assert.equal(ids(enqueue(queue, item("f", "cart"))), "b c d e f");
  assert.equal(ids(enqueue(queue, item("f", ""))), "b c d e f");
});

test("the queue is bounded and drops the oldest", () => {
  let queue: Item[] = [];
  for (let i = 0; i < 120; i++) queue = enqueue(queue, item("i" + i));
  assert.equal(queue.length, 100);
  assert.equal(queue[0]!.id, "i20");
});

test("what is stored is taken up once", () => {
  const merged = mergeStored([item("a"), item("b")], [item("b"), item("c")]);
  assert.equal(ids(merged), "a b c");
});

test("a batch holds at most 50 events and its budget of bytes", () => {
  const many = Array.from({ length: 60 }, (_, i) => item("i" + i));
  assert.equal(takeBatch(many, 10_000).length, 50);
  const wide = [item("a", "", "戻".repeat(3)), item("b", "", "x".repeat(20)), item("c", "", "x".repeat(9))];
  const taken = takeBatch(wide, 20); // 9 and a comma, then 21 do not fit, then 9 and a comma
  assert.equal(ids(taken), "a c");
  assert.equal(ids(takeBatch(wide, 19)), "a");
  assert.equal(ids(takeBatch(wide, 5)), "a", "the first goes whatever its size");
});

const STATUSES: [number, boolean][] = [
  [0, true], [202, false], [400, false], [403, false], [404, false], [408, true], [413, false],
  [429, true], [500, true], [503, true],
];
for (const [status, again] of STATUSES) {
  test(`status ${status}: asked again ${again}`, () => assert.equal(mayRetry(status), again));
}

test("waits grow with each failure, are spread, bounded, and heed the server", () => {
  assert.equal(retryWaitMs(1, 0, 0), 5_000);
  assert.equal(retryWaitMs(1, 0, 1), 7_500);
  assert.equal(retryWaitMs(3, 0, 0), 20_000);
  assert.equal(retryWaitMs(40, 0, 0), 300_000);
  assert.equal(retryWaitMs(5, 7, 0), 7_000);
  assert.equal(retryWaitMs(1, 86_400, 0), 3_600_000);
});

test("ids are UUIDs without dashes and do not repeat, with crypto or without", () => {
  for (const page of [{ crypto }, {}] as Page[]) {
    const made = Array.from({ length: 1000 }, () => randomHex(page));
    assert.equal(new Set(made).size, 1000);
    for (const id of made) assert.match(id, /^[0-9a-f]{32}$/);
  }
});

const BASE = "https://shop.example/p/1";
const wire = (command: unknown, value: unknown) => {
  return JSON.parse(JSON.stringify(reportOf(command, value, BASE).data)) as object;
};

test("a cart is taken by name, with links made absolute and numbers as numbers", () => {
  const cart = {
    id: 7, currency: "JPY", value: "4980", url: "/cart?items=P-1:1", secret: "x",
    items: [{ id: 1, name: "急須", price: 4980, url: "../p/2", image: "/i.png", stock: 0, card: "4111111111111111" }],
  };
  assert.deepEqual(wire("cart", cart), {
    id: "7", currency: "JPY", value: 4980, url: "https://shop.example/cart?items=P-1:1",
    items: [{
      id: "1", name: "急須", price: 4980, quantity: 1, url: "https://shop.example/p/2",
      image: "https://shop.example/i.png", stock: 0,
    }],
  });
});

const ODD: [string, unknown, unknown, object | undefined][] = [
  ["an emptied cart", "cart", { currency: "JPY", value: 0, items: [] }, { currency: "JPY", value: 0, items: [] }],
  ["a cart that is none", "cart", 5, {}],
  ["amounts that are none", "order", { id: "A", value: "¥4,980", currency: "JPY" }, { id: "A", currency: "JPY" }],
  ["items that are none", "cart", { items: [null, "x"] }, { items: [{ quantity: 1 }, { quantity: 1 }] }],
  ["a card number as a name", "identify", { name: "4111 1111 1111 1111", tel: "090" }, { tel: "090" }],
  ["an order", "order", { id: 12, currency: "USD", value: 49.8, url: "/x" }, { id: "12", currency: "USD", value: 49.8 }],
];
for (const [why, command, value, expected] of ODD) {
  test(`command: ${why}`, () => assert.deepEqual(wire(command, value), expected));
}
for (const command of ["kart", "toString", "__proto__", "constructor", undefined]) {
  test(`no command: ${command}`, () => assert.throws(() => wire(command, {}), TypeError));
}

test("of a long cart 100 items are taken", () => {
  const items = Array.from({ length: 150 }, (_, id) => ({ id }));
  assert.equal((wire("cart", { items }) as { items: object[] }).items.length, 100);
});
