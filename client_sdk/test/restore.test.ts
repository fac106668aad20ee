/** What a restore link brings back, on the same browser and on another. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Brought } from "../src/restore/brought";
import { type Options, World } from "./world";

const TOKEN = "Aa0_-bcdefghijklmnopqr";
const URL_BACK = `https://shop.example/cart?modori_t=${TOKEN}&modori_coupon=BACK-10`;
const FORM = `<form id="checkout">
    <input id="email" autocomplete="email"><input id="name" autocomplete="name"><input id="pref" autocomplete="address-level1">
    <input id="coupon" name="coupon_code"><input id="free" name="memo"></form>`;
const LEFT = {
  cart: "C-1",
  currency: "JPY",
  value: 4980,
  items: [{ id: "P-1", name: "急須", price: 4980, quantity: 1 }],
  fields: { "address-level1": "東京都" },
  masked: { email: "t•••@e•••.jp", name: "山•••" },
};
const PROVEN = { ...LEFT, fields: { email: "taro@example.jp", name: "山田 太郎", "address-level1": "東京都" }, masked: {} };

async function open(options: Options = {}, prepare?: (world: World) => void): Promise<World> {
  const world = new World({ url: URL_BACK, html: FORM, ...options });
  world.restores = (_, init) => {
    if (init.method !== "POST") return { status: 200, json: LEFT };
    return JSON.parse(String(init.body)).contact === "taro@example.jp" ? { status: 200, json: PROVEN } : { status: 404 };
  };
  prepare?.(world);
  await world.start();
  await world.advance(2000);
  return world;
}
const value = (world: World, id: string) => (world.element("#" + id) as HTMLInputElement).value;

function hook(world: World): Brought[] {
  const got: Brought[] = [];
  world.say("restore", (brought: Brought) => got.push(brought));
  return got;
}

test("another device gets the items, and of the form what is nobody's", async () => {
  const world = await open();
  assert.equal(value(world, "pref"), "東京都");
  assert.equal(value(world, "email"), "");
  assert.equal(value(world, "name"), "");
  const [brought] = hook(world);
  assert.deepEqual(brought!.items, LEFT.items);
  assert.deepEqual(brought!.masked, LEFT.masked);
  assert.equal(brought!.coupon, "BACK-10");
});

test("whoever names the receiver gets the rest, a wrong name nothing", async () => {
  const world = await open();
  const [brought] = hook(world);
  assert.equal(await brought!.prove("x@y.example"), false);
  assert.equal(value(world, "email"), "");
  assert.equal(await brought!.prove("taro@example.jp"), true);
  assert.equal(value(world, "email"), "taro@example.jp");
  assert.equal(value(world, "name"), "山田 太郎");
});

test("the same browser has its form back from its own storage, also on the page after", async () => {
  const before = await open({ url: "https://shop.example/checkout" });
  before.type("#email", "taro@example.jp");
  before.type("#name", "山田 太郎");
  await before.advance(1000);
  await before.close();
  const landing = await open({ after: before, html: "" });
  const world = await open({ after: landing, url: "https://shop.example/checkout" });
  assert.equal(value(world, "email"), "taro@example.jp");
  assert.equal(value(world, "name"), "山田 太郎");
  assert.equal(value(world, "free"), "");
});

test("the dialog that asks for the proof leaves nothing to a browser's autofill", async () => {
  const tag = '<script async src="https://modori.example/sdk/v1/modori.js" data-site="pk_test" data-restore="ask"></script>';
  const world = await open({ tag });
  const host = world.element("[data-modori-ignore]");
  assert.equal(host.shadowRoot!.querySelector("input")!.getAttribute("autocomplete"), "off");
});

test("what a person has typed stays, and a coupon goes only where one is asked for", async () => {
  const world = await open({ html: FORM.replace('id="pref"', 'id="pref" value="大阪府"') });
  assert.equal(value(world, "pref"), "大阪府");
  assert.equal(value(world, "coupon"), "BACK-10");
  assert.equal(value(world, "free"), "");
});

for (const [what, url] of [
  ["no token", "https://shop.example/cart"],
  ["a token that is none", "https://shop.example/cart?modori_t=../../v1/events"],
] as const) {
  test(`nothing is asked for with ${what}`, async () => {
    const world = await open({ url });
    assert.deepEqual(world.asked.filter((path) => path.includes("restore")), []);
  });
}

test("a link that leads back to nothing is forgotten", async () => {
  const world = await open({}, (one) => (one.restores = () => ({ status: 204 })));
  assert.equal(value(world, "pref"), "");
  assert.equal(world.stored()["modori_back:pk_test"], undefined);
  assert.deepEqual(hook(world), []);
});

test("before permission nothing is asked for and nothing kept", async () => {
  const world = await open({ config: { mode: "after-consent", notice_selector: "" } });
  assert.deepEqual(world.asked, ["/v1/sites/pk_test/config"]);
  assert.deepEqual(world.stored(), {});
});

for (const json of ["null", "{}", '{"items":7}', '"x"', '{"items":[],"fields":{"email":{}},"masked":7}']) {
  test(`a server that says ${json} harms nothing`, async () => {
    const world = await open({}, (one) => (one.restores = () => ({ status: 200, json: JSON.parse(json) })));
    assert.equal(value(world, "email"), "");
    assert.deepEqual(world.printed, []);
  });
}

test("a hook that throws does not keep the form from its values", async () => {
  const world = await open({}, (one) => {
    one.stub();
    one.say("restore", () => {
      throw new Error("the shop's own");
    });
  });
  assert.equal(value(world, "pref"), "東京都");
});

test("the token leaves the address once the page's event has told it; all else of the address, and the router's state, stay", async () => {
  const url = `https://shop.example/cart?a=1&modori_t=${TOKEN}&modori_coupon=BACK-10#list`;
  const state = { router: "its own" };
  const world = await open({ url, before: (page) => page.history.replaceState(state, "", url) });
  assert.equal(world.page.location.href, "https://shop.example/cart?a=1&modori_coupon=BACK-10#list");
  assert.deepEqual(world.page.history.state, state);
  await world.advance(10_000);
  assert.deepEqual(world.events("page").map(({ page }) => page.url), [`https://shop.example/cart?modori_t=${TOKEN}`]);
});

test("a page that nobody has seen keeps the token until it has told it", async () => {
  const world = await open({}, (world) => world.setVisible(false));
  assert.match(world.page.location.href, /modori_t/);
  world.setVisible(true);
  await world.advance(2000);
  assert.doesNotMatch(world.page.location.href, /modori_t/);
  assert.deepEqual(world.events("page").map(({ page }) => page.url), [`https://shop.example/cart?modori_t=${TOKEN}`]);
});

test("without permission the address stays as it is", async () => {
  const world = await open({ config: { mode: "after-consent" } });
  assert.match(world.page.location.href, /modori_t/);
});
