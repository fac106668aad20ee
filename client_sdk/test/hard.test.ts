/** What breaks a tag on real pages: withdrawals in halves, storage that forgets, layers full of odd things, old libraries. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readItems } from "../src/carts/goods";
import { reportOf } from "../src/commands";
import { HOST, type Options, SITE, World } from "./world";

const AFTER_CONSENT = { mode: "after-consent", notice_selector: "body", heartbeat_s: 15 };
const NOTICE = { mode: "notice", notice_selector: "body", heartbeat_s: 15 };
const FORM = `<form id="f"><input id="e" type="email" name="email"><input id="n" autocomplete="name"></form>`;
const POT = { item_id: "P-1", item_name: "急須", price: 4980, quantity: 1 };

const open = async (options: Options = {}) => {
  const world = await new World({ html: FORM, ...options }).start();
  await world.visit();
  return world;
};

/** As gtag pushes: its arguments themselves. */
function pushed(..._: unknown[]): unknown {
  return arguments;
}
function tell(world: World, ...entries: unknown[]): void {
  const page = world.page as any;
  page.dataLayer = page.dataLayer || [];
  page.dataLayer.push(...entries);
}
const update = (ads: string, user = ads) => pushed("consent", "update", { ad_storage: ads, ad_user_data: user });
const said = (world: World) => world.posts.map(({ body }) => body).join() + JSON.stringify(world.stored());
const consent = (world: World, channel: unknown, granted: boolean) => world.say("consent", { channel, granted, text: "はい" });

/** Granted by Google's Consent Mode, with an e-mail address typed and told. */
async function granted(): Promise<World> {
  const world = await open({ config: AFTER_CONSENT });
  tell(world, update("granted"));
  await world.advance(16_000);
  await world.visit();
  world.type("#e", "before@example.jp");
  await world.advance(2000);
  assert.match(said(world), /before@example\.jp/);
  assert.match(world.page.document.cookie, /modori_v=\w{32}/);
  return world;
}

for (const [what, entry] of [
  ["one member", pushed("consent", "update", { ad_storage: "denied" })],
  ["the other", pushed("consent", "update", { ad_user_data: "denied" })],
  ["both", update("denied")],
] as const) {
  test(`a withdrawal to Google that names ${what} ends capture, and what is stored of the visitor goes`, async () => {
    const world = await granted();
    tell(world, entry);
    await world.advance(16_000);
    world.type("#e", "after@denied.jp");
    await world.advance(16_000);
    await world.close();
    assert.doesNotMatch(said(world), /denied\.jp/);
    assert.deepEqual(world.stored(), {});
    assert.equal(world.page.document.cookie, "");
  });
}

test("a member granted again after a withdrawal opens capture with what was said of the other", async () => {
  const world = await granted();
  tell(world, pushed("consent", "update", { ad_storage: "denied" }));
  await world.advance(16_000);
  tell(world, pushed("consent", "update", { ad_storage: "granted" }));
  await world.advance(16_000);
  world.type("#n", "山田 花子");
  await world.advance(2000);
  assert.match(said(world), /山田 花子/);
});

test("the last channel withdrawn: nothing of the visitor stays", async () => {
  const world = await open({ config: AFTER_CONSENT });
  for (const channel of ["email", "sms"]) consent(world, channel, true);
  await world.advance(2000);
  await world.visit();
  world.type("#e", "kept@example.jp");
  await world.advance(2000);
  for (const channel of ["email", "sms", "capture", "capture"]) consent(world, channel, false);
  await world.advance(2000);
  const withdrawn = world.events("consent").filter(({ data }) => !data.granted);
  assert.deepEqual(withdrawn.map(({ data }) => data.channel), ["email", "sms", "capture"]);
  assert.equal(new Set(world.events().map(({ visitor }) => visitor)).size, 1);
  assert.deepEqual(world.stored(), { ["modori_choice:" + SITE]: "-" });
  assert.equal(world.page.document.cookie, "modori_v=-");
});

test("a channel withdrawn while another stands ends nothing", async () => {
  const world = await open({ config: AFTER_CONSENT });
  for (const channel of ["email", "sms"]) consent(world, channel, true);
  await world.advance(2000);
  consent(world, "sms", false);
  await world.visit();
  world.type("#e", "still@example.jp");
  await world.advance(2000);
  assert.match(said(world), /still@example\.jp/);
  assert.match(world.page.document.cookie, /modori_v=\w{32}/);
});

for (const channel of [undefined, null, "analytics", "mail", "e", "", "email x", "-"]) {
  test(`a grant of ${JSON.stringify(channel)} opens nothing`, async () => {
    const world = await open({ config: AFTER_CONSENT });
    consent(world, channel, true);
    await world.advance(2000);
    world.type("#e", "typed@example.jp");
    await world.advance(20_000);
    await world.close();
    assert.deepEqual([world.posts.length, world.stored(), world.page.document.cookie], [0, {}, ""]);
  });
}

const throwing = (page: any) =>
  Object.defineProperty(page, "localStorage", {
    get() {
      throw new Error("SecurityError");
    },
  });
for (const [how, before, after] of [
  ["cannot be reached", throwing, () => {}],
  ["is full", (page: any) => (page.localStorage.setItem = () => assert.fail("full")), () => {}],
  ["is emptied by the shop", () => {}, (world: World) => world.page.localStorage.clear()],
] as [string, (page: any) => void, (world: World) => void][]) {
  for (const config of [NOTICE, AFTER_CONSENT]) {
    test(`"no thanks" outlives a localStorage that ${how}, in ${config.mode}`, async () => {
      const world = await open({ config, before });
      if (config === AFTER_CONSENT) consent(world, "email", true);
      await world.advance(2000);
      assert.equal(world.events("page").length, 1);
      consent(world, "capture", false);
      await world.advance(2000);
      assert.deepEqual(world.events("consent").at(-1)!.data.channel, "capture");
      after(world);
      // The next two pages of this browser have its cookie, and may have nothing else.
      let cookie = world.page.document.cookie;
      assert.equal(cookie, "modori_v=-");
      for (let page = 0; page < 2; page++) {
        const next = await open({
          config,
          before(page) {
            before(page);
            page.document.cookie = cookie + ";Path=/";
          },
        });
        next.say("cart", { currency: "JPY", value: 1, items: [] });
        if (config === AFTER_CONSENT) consent(next, "email", true);
        next.type("#e", "after@refusal.jp");
        await next.advance(20_000);
        await next.close();
        assert.equal(next.posts.length, 0);
        cookie = next.page.document.cookie;
      }
      assert.equal(cookie, "modori_v=-", "each visit renews it");
    });
  }
}

test("capture granted again after a refusal takes its mark away", async () => {
  const world = await open({ config: AFTER_CONSENT });
  consent(world, "capture", false);
  await world.advance(2000);
  assert.equal(world.page.document.cookie, "modori_v=-");
  consent(world, "capture", true);
  await world.advance(2000);
  assert.match(world.page.document.cookie, /^modori_v=\w{32}$/);
  const next = await open({ config: AFTER_CONSENT, after: world });
  await next.advance(2000);
  assert.equal(next.events("page").length, 1);
});

test("the privacy signal that comes on later takes away what was stored, on the next page at the latest", async () => {
  const config = { ...NOTICE, gpc: true };
  const world = await open({ config });
  world.type("#e", "kept@example.jp");
  await world.advance(2000);
  const next = await open({
    config,
    after: world,
    before: (page) => Object.defineProperty(page.navigator, "globalPrivacyControl", { value: true }),
  });
  await next.advance(2000);
  await next.close();
  assert.deepEqual(next.events().map(({ type, data }) => [type, data.channel, data.granted]), [["consent", "capture", false]]);
  assert.deepEqual([next.stored(), next.page.document.cookie], [{}, ""]);
});

test("'do not contact' said after typing: what was kept of the form goes", async () => {
  const world = await open();
  world.type("#e", "kept@example.jp");
  await world.advance(2000);
  assert.match(JSON.stringify(world.stored()), /kept@example/);
  (world.page as any).contx = { user: { id: "guest" } };
  await world.advance(16_000);
  assert.doesNotMatch(JSON.stringify(world.stored()), /kept@example/);
});

test("no request carries the page's address beyond its origin", async () => {
  const world = await open({ url: "https://shop.example/cart?token=SECRET" });
  const policies: unknown[] = [];
  const { fetch } = world.page;
  (world.page as any).fetch = (url: string, init: RequestInit) => {
    policies.push(init.referrerPolicy);
    return fetch(url, init);
  };
  await world.advance(301_000);
  assert.deepEqual([...new Set(policies)], ["strict-origin"]);
  assert.ok(world.asked.length > 1 && world.posts.length > 0);
  assert.deepEqual(world.scripts.map(({ referrerPolicy }) => referrerPolicy), ["strict-origin"]);
});

test("a card number in the page's address or title does not leave, and the page is told all the same", async () => {
  const world = await open({
    url: "https://shop.example/cart/4111111111111111/x?utm_source=4111-1111-1111-1111",
    before: (page) => (page.document.title = "4111 1111 1111 1111"),
  });
  world.type("#e", "a@example.jp");
  await world.advance(2000);
  assert.doesNotMatch(said(world), /4111/);
  assert.deepEqual(world.events("page")[0]!.page, { url: "https://shop.example", title: "" });
  assert.equal(world.events("form").length, 1);
});

test("an address with a JAN code, an order's number or a moment stays as it is", async () => {
  // The first two pass Luhn.
  for (const path of ["/item/4901234567894", "/p/4006381333931", "/o/20261122123456789"]) {
    const world = await open({ url: "https://shop.example" + path });
    await world.advance(2000);
    assert.equal(world.events("page")[0]!.page.url, "https://shop.example" + path);
  }
});

test("a form called title does not silence its page", async () => {
  const world = await open({ before: (page) => Object.defineProperty(page.document, "title", { value: page.document.body }) });
  world.type("#e", "a@example.jp");
  await world.advance(2000);
  assert.equal(world.events("form").length, 1);
});

for (const odd of [undefined, null, "x", 0]) {
  test(`a layer into which the page pushed ${odd} before and after is read to its end, and no error grows`, async () => {
    const before = (page: any) => (page.dataLayer = [{ event: "gtm.js" }, update("granted"), odd]);
    const world = await open({ config: AFTER_CONSENT, before });
    await world.advance(2000);
    assert.equal(world.events("page").length, 1);
    tell(world, update("denied"), { event: "x" }, odd);
    await world.advance(20_000);
    const events = world.events().length;
    world.type("#e", "after@denied.jp");
    await world.advance(20_000);
    assert.equal(world.events().length, events);
    assert.doesNotMatch(said(world), /denied\.jp/);
    assert.deepEqual(world.events("page").map(({ data }) => data.health.errors), world.events("page").map(() => 0));
  });
}

const orderOf = async (...entries: unknown[]) => {
  const world = await open({ before: (page) => (page.document.documentElement.lang = "ja") });
  tell(world, ...entries);
  await world.advance(16_000);
  await world.advance(16_000);
  return world.events("order").map(({ data }) => data);
};
test("an order in a layer is told whatever was pushed around it", async () => {
  const purchase = { event: "purchase", ecommerce: { currency: "JPY", transaction_id: "T-1", items: [POT] } };
  assert.deepEqual((await orderOf(purchase, undefined)).map(({ id }) => id), ["T-1"]);
  assert.deepEqual((await orderOf("x", purchase, "x")).map(({ id }) => id), ["T-1"]);
});

test("an order without goods stops what is on its way, and no other event without goods says anything", async () => {
  const bare = { event: "purchase", ecommerce: { currency: "JPY", transaction_id: "T-1", value: 4980 } };
  assert.deepEqual(await orderOf(bare), [{ id: "T-1", currency: "JPY", value: 4980, items: [] }]);
  assert.deepEqual(await orderOf(pushed("event", "purchase", { transaction_id: 7, value: "¥4,980" })),
    [{ id: "7", currency: "JPY", value: 4980, items: [] }]);
  assert.deepEqual(await orderOf(pushed("event", "purchase", { transaction_id: 7, currency: "円" })),
    [{ id: "7", currency: "XXX", value: 0, items: [] }]);
  assert.deepEqual(await orderOf({ event: "view_cart", ecommerce: { currency: "JPY", value: 1 } }), []);
});

test("an order as Universal Analytics had it is an order", async () => {
  const products = [{ id: "P-1", name: "急須", price: "4980", quantity: 1 }];
  const ecommerce = { currencyCode: "JPY", purchase: { actionField: { id: "U-1", revenue: "5480" }, products } };
  assert.deepEqual(await orderOf({ event: "transaction", ecommerce }),
    [{ id: "U-1", currency: "JPY", value: 5480, items: [{ id: "P-1", name: "急須", price: 4980, quantity: 1 }] }]);
});

test("a layer that another tag takes away and puts back doubles nothing", async () => {
  const world = await open();
  const add = { event: "add_to_cart", ecommerce: { currency: "JPY", items: [POT] } };
  tell(world, add);
  await world.advance(16_000);
  const page = world.page as any;
  const old = page.dataLayer;
  page.dataLayer = [{ event: "other" }];
  await world.advance(16_000);
  page.dataLayer = [...old, { event: "x" }];
  await world.advance(16_000);
  assert.deepEqual(world.events("cart").map(({ data }) => data.value), [4980]);
});

test("a page whose library replaced Array.from has whole ids", async () => {
  const from = Array.from;
  // As prototype.js, MooTools and Magento 1 have it: a list of its argument, the function ignored.
  Array.from = ((list: any) => (list?.length >= 0 ? [].slice.call(list) : [])) as typeof Array.from;
  try {
    const world = await open();
    world.say("cart", { currency: "JPY", value: 4980, items: [{ id: "P-1", name: "急須", price: 4980 }] });
    tell(world, { event: "add_to_cart", ecommerce: { currency: "JPY", items: [POT] } });
    await world.advance(2000);
    for (const { id, visitor } of world.events()) assert.match(id + visitor, /^[0-9a-f]{64}$/);
    assert.deepEqual(world.events("cart").map(({ data }) => data.items.length), [1]);
  } finally {
    Array.from = from;
  }
});

const read = (line: object) => readItems([{ id: "P-1", ...line }], (name, given) => reportOf(name, given, HOST), HOST)[0];
for (const [given, price] of [
  ["1.299,00", 1299],
  ["1.299,00 €", 1299],
  ["1.234.567,89", 1234567.89],
  ["1,299.00", 1299],
  ["$1,234,567.89", 1234567.89],
  ["49,90", 49.9],
  ["4,980円", 4980],
  ["￥４，９８０", 4980],
  ["1,234,567", 1234567],
  ["49.9", 49.9],
  [49.9, 49.9],
  [1e-7, 1e-7],
  ["", undefined],
  [NaN, undefined],
  [Infinity, undefined],
] as const) {
  test(`a price of ${JSON.stringify(given)} is ${price}`, () => assert.equal(read({ price: given })!.price, price));
}
for (const [given, quantity] of [[NaN, 1], ["", 1], [undefined, 1], [null, 1], ["x", 1], ["2", 2], [3, 3]] as const) {
  test(`a quantity of ${JSON.stringify(given)} is ${quantity}`, () => {
    assert.equal(read({ quantity: given, price: 1 })!.quantity, quantity);
  });
}
test("a quantity of 0 is no line, nor are goods whose id and name could be cards", () => {
  assert.equal(read({ quantity: 0 }), undefined);
  assert.equal(read({ id: "4111111111111111", name: "4111-1111-1111-1111" }), undefined);
  assert.equal(read({ id: "4111111111111111", name: "急須" })!.id, "急須");
});
