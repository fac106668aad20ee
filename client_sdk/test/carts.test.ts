/** What a page tells others of its cart, and what we make of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Window as DomWindow } from "happy-dom";
import { startCarts } from "../src/carts";
import { reportOf } from "../src/commands";
import { shimOf } from "../src/shim";
import type { Core, Report } from "../src/parts";

const BASE = "https://shop.example/p/1";
const NOW = Date.UTC(2026, 10, 21, 9, 0, 0);

/** A page, the core around it, and all that was reported. */
function open({ html = "", lang = "ja", stored = {} as Record<string, string>, permitted = true, tag = "" } = {}) {
  const page = new DomWindow({ url: BASE }) as any;
  page.document.documentElement.lang = lang;
  page.document.body.innerHTML = `<script data-site="pk" ${tag}></script>` + html;
  const reports: Report[] = [];
  const world = { page, reports, stored, permitted, errors: 0, now: NOW };
  page.Date = class extends Date { static now = () => world.now; };
  const core = {
    page,
    tag: page.document.querySelector("script"),
    store: {
      read: (name: string) => world.stored[name] ?? null,
      write: (name: string, value: string) => void (world.stored[name] = value),
    },
    safely: (work: (...args: any[]) => void) => (...args: any[]) => {
      try {
        work(...args);
      } catch {
        world.errors++;
      }
    },
    permitted: () => world.permitted,
    report: (said: Report) => void reports.push(said),
    own: {} as Core["own"],
    shim: () => shimOf(page),
    read: (command: string, given: unknown) => reportOf(command, given, page.document.baseURI),
  };
  const carts = startCarts(core as unknown as Core);
  const told = () => reports.splice(0).map(({ type, data }) => ({ type, ...JSON.parse(JSON.stringify(data)) }));
  return {
    world, page, core, carts, told,
    push(...entries: unknown[]) {
      page.dataLayer = page.dataLayer || [];
      page.dataLayer.push(...entries);
      return this;
    },
    look() {
      carts.read();
      return told();
    },
  };
}

/** As gtag pushes: its arguments themselves. */
function gtag(..._: unknown[]): unknown {
  return arguments;
}

const POT = { item_id: "P-1", item_name: "急須", price: 4980, quantity: 1 };
const CUP = { item_id: "C-2", item_name: "湯呑", price: 980, quantity: 2 };
const pot = { id: "P-1", name: "急須", price: 4980, quantity: 1 };
const cup = { id: "C-2", name: "湯呑", price: 980, quantity: 2 };
const say = (event: string, ecommerce: object) => ({ event, ecommerce: { currency: "JPY", ...ecommerce } });
const cart = (value: number, ...items: object[]) => [{ type: "cart", currency: "JPY", value, items }];

const ONE_LOOK: [string, unknown[], object[]][] = [
  ["nothing of a cart", [{ event: "gtm.js" }, gtag("js", new Date()), gtag("config", "G-1")], []],
  ["put in", [say("add_to_cart", { value: 4980, items: [POT] })], cart(4980, pot)],
  ["put in twice: the cart grows", [say("add_to_cart", { items: [POT] }), say("add_to_cart", { items: [CUP] })],
    [...cart(4980, pot), ...cart(6940, pot, cup)]],
  ["the same thing again", [say("add_to_cart", { items: [POT] }), say("add_to_cart", { items: [{ ...POT, quantity: 2 }] })],
    [...cart(4980, pot), ...cart(14940, { ...pot, quantity: 3 })]],
  ["put in and taken out", [say("add_to_cart", { items: [CUP] }), say("remove_from_cart", { items: [{ ...CUP, quantity: 1 }] })],
    [...cart(1960, cup), ...cart(980, { ...cup, quantity: 1 })]],
  ["taken out to the last", [say("add_to_cart", { items: [CUP] }), say("remove_from_cart", { items: [CUP] })],
    [...cart(1960, cup), ...cart(0)]],
  ["taken out of a cart that nobody knows", [say("remove_from_cart", { items: [CUP] })], []],
  ["the whole cart, in gtag's arguments", [gtag("event", "view_cart", { currency: "JPY", value: 7500, items: [POT, CUP] })],
    cart(7500, pot, cup)],
  ["a checkout replaces what was put in", [say("add_to_cart", { items: [POT] }), say("begin_checkout", { items: [CUP] })],
    [...cart(4980, pot), ...cart(1960, cup)]],
  ["payment chosen", [say("add_payment_info", { value: 4980, items: [POT] })], cart(4980, pot)],
  ["shipping chosen", [say("add_shipping_info", { items: [POT] })], cart(4980, pot)],
  ["an empty cart that was never full", [say("view_cart", { items: [] })], []],
  ["an emptied cart", [say("add_to_cart", { items: [POT] }), say("view_cart", { items: [] })], [...cart(4980, pot), ...cart(0)]],
  ["a page of a product puts nothing in", [say("view_item", { items: [POT] })], []],
  ["a list of products neither", [say("view_item_list", { items: [POT, CUP] })], []],
  ["an order", [say("purchase", { transaction_id: "T-9", value: 5480, shipping: 500, items: [POT] })],
    [{ type: "order", id: "T-9", currency: "JPY", value: 5480, items: [{ ...pot }] }]],
  ["an order said twice", [say("purchase", { transaction_id: 9, items: [POT] }), gtag("event", "purchase", { currency: "JPY", transaction_id: "9", items: [POT] })],
    [{ type: "order", id: "9", currency: "JPY", value: 4980, items: [{ ...pot }] }]],
  ["an order without an id cannot be told from its reload", [say("purchase", { value: 1, items: [POT] })], []],
  ["Tag Manager keeps `ecommerce` until it is emptied", [{ ecommerce: { currency: "JPY", items: [POT] } }, { event: "view_cart" }],
    cart(4980, pot)],
  ["`ecommerce: null` empties it", [{ ecommerce: { items: [POT] } }, { ecommerce: null }, { event: "view_cart" }], []],
  ["members beside the event", [{ event: "view_cart", currency: "JPY", items: [POT] }], cart(4980, pot)],
  ["no currency on a Japanese page", [say("view_cart", { currency: undefined, items: [POT] })], cart(4980, pot)],
  ["a currency of the lines", [say("view_cart", { currency: undefined, items: [{ ...POT, currency: "usd", price: 49.8 }] })],
    [{ type: "cart", currency: "USD", value: 49.8, items: [{ ...pot, price: 49.8 }] }]],
  ["a currency that is none", [say("view_cart", { currency: "円", items: [POT] })], []],
  ["sums without binary dust", [say("view_cart", { currency: "USD", items: [{ ...POT, price: 0.1, quantity: 3 }] })],
    [{ type: "cart", currency: "USD", value: 0.3, items: [{ ...pot, price: 0.1, quantity: 3 }] }]],
  ["yen have no decimals", [say("view_cart", { value: 5378.4, items: [{ ...POT, price: 5378.4 }] })], cart(5378, { ...pot, price: 5378 })],
  ["amounts as shops write them", [say("view_cart", { value: "￥６，０００", items: [{ ...POT, price: "4,980円", quantity: "1" }] })],
    cart(6000, pot)],
  ["older names", [say("view_cart", { items: [{ id: "P-1", name: "急須", price: "4980" }] })], cart(4980, pot)],
  ["a line without an id goes by its name", [say("view_cart", { items: [{ item_name: "急須", price: 4980 }] })],
    cart(4980, { ...pot, id: "急須" })],
  ["an id that could be a card number goes by its name", [say("view_cart", { items: [{ ...POT, item_id: "4111111111111111" }] })],
    cart(4980, { ...pot, id: "急須" })],
  ["lines that are none", [say("view_cart", { items: [null, 5, "x", {}, { ...CUP, quantity: 0 }, { item_id: "off", price: -500 }, POT] })],
    cart(4980, pot)],
  ["a line without a price says nothing of the cart", [say("view_cart", { items: [{ item_id: "P-1" }] })], []],
  ["items that are no list", [say("view_cart", { items: { 0: POT } }), say("view_cart", { items: "x" }), say("view_cart", {})], []],
  ["a link that leads elsewhere, a stock that is none", [say("view_cart", { items: [{ ...POT, url: "https://evil.example/", image: "/i.png", stock: -1 }] })],
    cart(4980, { ...pot, image: "https://shop.example/i.png" })],
  ["rubbish", [null, undefined, 5, "x", [], ["x"], () => 1, { event: {} }, { event: "toString" }, { event: "view_cart", ecommerce: 5 }], []],
];
for (const [why, entries, expected] of ONE_LOOK) {
  test(`dataLayer: ${why}`, () => {
    const shop = open().push(...entries);
    assert.deepEqual(shop.look(), expected);
    assert.equal(shop.world.errors, 0);
    assert.deepEqual(shop.look(), [], "what was read is not read again");
  });
}

test("outside Japan a cart without a currency is not guessed at", () => {
  assert.deepEqual(open({ lang: "en" }).push(say("view_cart", { currency: undefined, items: [POT] })).look(), []);
});

test("cycles, throwing getters and members beyond number are survived, and the next entry is read", () => {
  const shop = open();
  const cyclic: any = { event: "view_cart", ecommerce: { currency: "JPY", items: [{ ...POT }] } };
  cyclic.ecommerce.items[0].self = cyclic;
  const thrower = { get event() { throw Error("no"); } };
  const deep = { event: "view_cart", get ecommerce() { throw Error("no"); } };
  const line = { event: "view_cart", ecommerce: { items: [{ get price() { throw Error("no"); } }] } };
  const many = say("view_cart", { items: Array.from({ length: 1000 }, (_, id) => ({ item_id: "i" + id, price: 1 })) });
  const told = shop.push(thrower, deep, line, cyclic, many).look();
  assert.deepEqual(told[0], cart(4980, pot)[0]);
  assert.equal(told[1].items.length, 100);
  assert.equal(told.length, 2);
});

test("what others do with the dataLayer: wrapped, shortened, replaced, locked", () => {
  const shop = open().push({ event: "gtm.js" });
  assert.deepEqual(shop.look(), []);
  const layer = shop.page.dataLayer;
  const push = layer.push;
  layer.push = (...entries: unknown[]) => {
    for (const entry of entries) push.call(layer, entry);
    while (layer.length > 2) layer.shift();
  };
  shop.push({ event: "a" }, { event: "b" }, say("add_to_cart", { items: [POT] }));
  assert.deepEqual(shop.look(), cart(4980, pot), "shortened");
  assert.deepEqual(shop.look(), []);
  shop.page.dataLayer = [say("view_cart", { items: [CUP] })];
  assert.deepEqual(shop.look(), cart(1960, cup), "replaced");
  shop.page.dataLayer = Object.freeze([say("view_cart", { items: [POT] })]);
  assert.deepEqual(shop.look(), cart(4980, pot), "frozen");
  shop.page.dataLayer = { length: 5 };
  assert.deepEqual(shop.look(), []);
  assert.equal(shop.world.errors, 0);
});

test("a dataLayer of copies tells nothing new, and what follows them does; one that begins anew is all new", () => {
  const shop = open().push({ event: "gtm.js" }, say("add_to_cart", { items: [POT] }), gtag("event", "view_item", {}));
  assert.deepEqual(shop.look(), cart(4980, pot));
  const copy = () => (shop.page.dataLayer = JSON.parse(JSON.stringify(shop.page.dataLayer)));
  copy();
  assert.deepEqual([shop.look(), shop.look()], [[], []]);
  shop.push(say("add_to_cart", { items: [CUP] }));
  copy();
  assert.deepEqual(shop.look(), cart(6940, pot, cup), "said and copied between two looks");
  shop.page.dataLayer = [say("remove_from_cart", { items: [CUP] })];
  assert.deepEqual(shop.look(), cart(4980, pot));
  const around: any = { event: "around" };
  around.self = around;
  shop.push(around);
  assert.deepEqual(shop.look(), []);
  shop.page.dataLayer = [say("add_to_cart", { items: [CUP] })];
  assert.deepEqual(shop.look(), cart(6940, pot, cup), "after what has no JSON");
  assert.equal(shop.world.errors, 0);
});

test("a layer by another name", () => {
  const shop = open({ tag: 'data-layer="shopLayer"' });
  shop.page.shopLayer = [say("view_cart", { items: [POT] })];
  assert.deepEqual(shop.look(), cart(4980, pot));
});

test("the cart is known on the next page and in the next tab, for a week", () => {
  const first = open();
  first.push(say("add_to_cart", { items: [POT] })).look();
  const { stored } = first.world;
  const second = open({ stored });
  second.world.now += 1000;
  assert.deepEqual(second.push(say("add_to_cart", { items: [CUP] })).look(), cart(6940, pot, cup));
  first.world.now += 2000; // the first tab, still open
  assert.deepEqual(first.push(say("remove_from_cart", { items: [POT] })).look(), cart(1960, cup));
  const late = open({ stored });
  late.world.now += 8 * 86_400_000;
  assert.deepEqual(late.push(say("add_to_cart", { items: [POT] })).look(), cart(4980, pot));
});

test("nothing is stored before permission; after it, what was said before", () => {
  const shop = open({ permitted: false });
  shop.push(say("add_to_cart", { items: [POT] })).look();
  assert.deepEqual(shop.world.stored, {});
  shop.world.permitted = true;
  shop.push(say("add_to_cart", { items: [CUP] }));
  assert.deepEqual(shop.look(), cart(6940, pot, cup));
  assert.match(shop.world.stored.cart!, /P-1/);
});

for (const broken of ["{", "null", "5", '{"at":9e15}', '{"at":"x","items":[]}']) {
  test(`a stored cart that is none: ${broken}`, () => {
    const shop = open({ stored: { cart: broken } });
    assert.deepEqual(shop.push(say("add_to_cart", { items: [POT] })).look(), cart(4980, pot));
    assert.equal(shop.world.errors, 0);
  });
}

test("an order empties the known cart, and its thanks page opened again is no order", () => {
  const shop = open();
  const bought = say("purchase", { transaction_id: "T-9", items: [POT] });
  shop.push(say("add_to_cart", { items: [POT] }), bought).look();
  const again = open({ stored: shop.world.stored });
  again.world.now += 1000;
  assert.deepEqual(again.push(bought, say("add_to_cart", { items: [CUP] })).look(), cart(1960, cup));
});

test("the page's own word counts, and the next page goes on from it", () => {
  const shop = open();
  shop.core.own.cart = reportOf("cart", { currency: "JPY", value: 4980, items: [pot] }, BASE)!;
  shop.push(say("add_to_cart", { items: [CUP] }), say("view_cart", { items: [CUP] }));
  shop.page.contx = { cart: { items: [{ id: "C-2", price: "980" }] } };
  assert.deepEqual(shop.look(), []);
  const next = open({ stored: shop.world.stored });
  next.world.now += 1000;
  assert.deepEqual(next.push(say("add_to_cart", { items: [CUP] })).look(), cart(6940, pot, cup));
  next.core.own.order = reportOf("order", { id: "A", currency: "JPY", value: 1 }, BASE)!;
  assert.deepEqual(next.push(say("purchase", { transaction_id: "A", items: [POT] })).look(), []);
  assert.match(next.world.stored.cart!, /"items":\[\]/);
});

const LD = {
  "@context": "https://schema.org", "@type": "Product", sku: "P-1", name: "常滑焼 急須", image: ["/pot.jpg", "/2.jpg"],
  offers: { "@type": "Offer", price: "4980", url: "/p/1" },
};
const filled = { id: "P-1", name: "常滑焼 急須", price: 4980, quantity: 1, url: "https://shop.example/p/1", image: "https://shop.example/pot.jpg" };
const ld = (given: unknown) => `<script type="application/ld+json">${JSON.stringify(given)}</script>`;
const MARKUP: [string, string, object][] = [
  ["JSON-LD", ld(LD), filled],
  ["in a list", ld([{ "@type": "Organization", name: "店" }, LD]), filled],
  ["in a graph", ld({ "@graph": [{ "@type": "WebPage", mainEntity: LD }] }), filled],
  ["as a variant of a group", ld({ "@type": "ProductGroup", hasVariant: [{ ...LD, sku: "P-0" }, LD] }), filled],
  ["with types in a list, offers in a list, an image as an object",
    ld({ ...LD, "@type": ["Thing", "Product"], offers: [LD.offers], image: { "@type": "ImageObject", url: "/pot.jpg" } }), filled],
  ["by its JAN code", ld({ ...LD, sku: "x", gtin13: "P-1" }), filled],
  ["with the page's canonical address", ld({ ...LD, offers: { price: 4980 } }) + '<link rel="canonical" href="/p/1">', filled],
  ["after JSON that is none", '<script type="application/ld+json">{</script>' + ld(LD), filled],
  ["microdata", `<div itemscope itemtype="https://schema.org/Product"><b itemprop="name">常滑焼 急須</b><meta itemprop="sku"
    content="P-1"><img itemprop="image" src="/pot.jpg"><a itemprop="url" href="/p/1">詳細</a>
    <span itemprop="offers" itemscope><i itemprop="price" content="4980">4,980円</i></span></div>`, filled],
];
for (const [why, html, expected] of MARKUP) {
  test(`schema.org fills what a line does not say: ${why}`, () => {
    const shop = open({ html });
    assert.equal(shop.carts.kind(), "product");
    assert.deepEqual(shop.push(say("add_to_cart", { items: [{ item_id: "P-1" }] })).look(), cart(4980, expected));
    const own = { ...POT, item_name: "赤い急須", price: 5000 };
    assert.deepEqual(shop.push(say("view_cart", { items: [own] })).look(), cart(5000, { ...expected, name: "赤い急須", price: 5000 }));
  });
}
const NO_PRODUCT: [string, string][] = [
  ["a list of other pages' products", ld({ "@type": "ItemList", itemListElement: [{ "@type": "ListItem", item: LD }] })],
  ["another thing", ld({ "@type": "Organization", sku: "P-1", name: "店" })],
  ["cycles cannot be written, depth can", ld(Array.from({ length: 40 }).reduce((inner) => ({ mainEntity: inner }), LD))],
  ["a script too long to be read", ld({ ...LD, description: "x".repeat(200_000) })],
  ["values of any kind", ld([null, 5, "Product", { "@type": null }, { "@graph": "x" }, { hasVariant: { a: 1 } }])],
];
for (const [why, html] of NO_PRODUCT) {
  test(`no product of this page: ${why}`, () => assert.equal(open({ html }).carts.kind(), undefined));
}

test("of another id nothing is filled in, and never a stock", () => {
  const shop = open({ html: ld({ ...LD, sku: "P-2", stock: 1, offers: { price: 1, stock: 1 } }) });
  assert.deepEqual(shop.push(say("view_cart", { items: [POT] })).look(), cart(4980, pot));
  shop.push(say("view_cart", { items: [{ ...POT, stock: 2 }] })).look();
  assert.deepEqual(shop.push(say("view_cart", { items: [POT] })).look(), cart(4980, pot));
});

test("picture and page that one page told are kept for the next", () => {
  const product = open({ html: ld(LD) });
  product.push(say("add_to_cart", { items: [{ item_id: "P-1" }] })).look();
  const next = open({ stored: product.world.stored });
  assert.deepEqual(next.push(say("view_cart", { items: [POT] })).look(), cart(4980, { ...filled, name: "急須" }));
});

const KINDS: [string, string | undefined][] = [
  ["view_item", "product"], ["add_to_cart", undefined], ["remove_from_cart", undefined], ["view_cart", "cart"], ["begin_checkout", "checkout"],
  ["add_shipping_info", "checkout"], ["add_payment_info", "checkout"], ["purchase", "thanks"], ["view_item_list", undefined],
];
for (const [event, kind] of KINDS) {
  test(`${event} is told by a page of kind ${kind}`, () => {
    const shop = open().push(say(event, { items: [] }));
    shop.look();
    assert.equal(shop.carts.kind(), kind);
    shop.page.history.pushState(null, "", "/elsewhere");
    assert.equal(shop.carts.kind(), undefined);
  });
}

const CONTX = {
  user: { id: "M-77" },
  cart: { items: [{ id: "P-1", page: "https://shop.example/p/1", name: "急須", image: "https://cdn.example/1.jpg", price: "4,980", count: "2", stock: "3" }] },
};
const shimmed = { id: "P-1", name: "急須", price: 4980, quantity: 2, url: "https://shop.example/p/1", image: "https://cdn.example/1.jpg", stock: 3 };

test("contx: who and what, once each, and again when they change", () => {
  const shop = open();
  assert.deepEqual(shop.look(), []);
  shop.page.contx = structuredClone(CONTX);
  assert.deepEqual(shop.look(), [{ type: "identify", member_id: "M-77" }, ...cart(9960, shimmed)]);
  assert.deepEqual(shop.look(), []);
  shop.page.contx.cart.items[0].count = "1";
  assert.deepEqual(shop.look(), cart(4980, { ...shimmed, quantity: 1 }));
  shop.page.contx.cart.items = [];
  assert.deepEqual(shop.look(), cart(0));
  assert.deepEqual(shop.look(), []);
});

test("contx: of a guest nothing personal is taken, the cart is", () => {
  const shop = open();
  shop.page.contx = { ...CONTX, user: { id: "guest" } };
  assert.deepEqual(shop.look(), cart(9960, shimmed));
  assert.deepEqual(shop.look(), []);
});

test("contx says the whole cart, so it counts before dataLayer, but for the order", () => {
  const shop = open();
  shop.page.contx = CONTX;
  shop.push(say("add_to_cart", { items: [CUP] }), say("purchase", { transaction_id: "T", items: [POT] }));
  assert.deepEqual(shop.look().map(({ type }) => type), ["identify", "cart", "order"]);
});

test("contx as `const`, which is no member of the window", () => {
  const shop = open();
  (globalThis as any).contx = CONTX;
  try {
    assert.equal(shop.look().length, 2);
  } finally {
    delete (globalThis as any).contx;
  }
});

const ODD_CONTX: [string, () => unknown][] = [
  ["a text", () => "x"],
  ["without members", () => ({})],
  ["null within", () => ({ user: null, cart: null })],
  ["items that are none", () => ({ cart: { items: "x" } })],
  ["a cart of lines that are none", () => ({ cart: { items: [null, {}] } })],
  ["a cart that throws", () => ({ get cart() { throw Error("no"); } })],
  ["a user that is no text", () => ({ user: { id: {} }, cart: {} })],
];
for (const [why, make] of ODD_CONTX) {
  test(`contx: ${why}`, () => {
    const shop = open();
    shop.page.contx = make();
    assert.deepEqual(shop.look().filter(({ type, member_id }) => type !== "identify" || member_id), []);
  });
}

test("contx: a cyclic cart is read by its names", () => {
  const shop = open();
  const given: any = structuredClone(CONTX);
  given.cart.items[0].self = given;
  given.cart.items.loop = given;
  shop.page.contx = given;
  assert.deepEqual(shop.look().slice(1), cart(9960, shimmed));
});
