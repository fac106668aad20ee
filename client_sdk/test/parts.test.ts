/** Late parts: asked for where they are needed, once, by digest; a page where none comes is harmed by nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AFTER_CONSENT, cart, FORM, gtag, open, type Options, SITE, World } from "./world";

const names = (world: World) => world.scripts.map((script) => /(\w+)\.js\?/.exec(script.src)![1]);

test("a late part is asked for by its digest, once, and carries the tag's nonce", async () => {
  const before = (page: any) => (page.document.querySelector("script").nonce = "n1"); // browsers hide the attribute
  const world = await open({ html: FORM, before });
  world.type("#email", "a@b.jp");
  await world.advance(60_000);
  assert.deepEqual(names(world), ["forms"]);
  const [script] = world.scripts;
  assert.equal(script!.src, "https://modori.example/sdk/forms.js?f");
  assert.deepEqual([script!.integrity, script!.crossOrigin, script!.nonce], ["f", "", "n1"]);
});

test("parts come where they are needed and not before permission", async () => {
  const world = await open({ html: FORM, config: AFTER_CONSENT });
  gtag(world, "event", "add_to_cart", { items: [] });
  await world.advance(20_000);
  world.fire(world.element("#email"), "focusin");
  assert.deepEqual(names(world), []);
  world.say("consent", { channel: "capture", granted: true });
  await world.advance(2000);
  assert.deepEqual(names(world).sort(), ["carts", "forms"]);
});

for (const [after, ms] of [["a click", 1300], ["a click", 4800], ["the page's start", 4000]] as const) {
  test(`an order that Google hears of ${ms} ms after ${after} is heard, too`, async () => {
    const world = await open({ config: { mode: "notice", notice_selector: "body", heartbeat_s: 600 } });
    if (after === "a click") {
      await world.advance(60_000);
      world.fire(world.page.document.body, "click");
    }
    await world.advance(ms);
    gtag(world, "event", "purchase", { transaction_id: "A-1", items: [] });
    assert.deepEqual(names(world), []);
    await world.advance(6000);
    assert.deepEqual(names(world), ["carts"]);
  });
}

const PLACES: [string, Options, string[]][] = [
  ["a page without fields", {}, []],
  ["a search box and buttons", { html: `<input type="search"><input type="submit"><input type="hidden">` }, []],
  ["buttons and choices", { html: `<button>x</button><input type="checkbox"><input type="radio"><select></select>` }, []],
  ["a textarea", { html: `<textarea></textarea>` }, ["forms"]],
  ["a number", { html: `<input type="number">` }, ["forms"]],
  ["our link", { url: "https://shop.example/?modori_t=T1" }, ["more"]],
  ["an engineer's page", { url: "https://shop.example/?modori_debug=1" }, ["more", "forms"]],
  ["an engineer's browser", { before: (page) => page.localStorage.setItem("modori_debug:" + SITE, String(2e12)) }, ["more", "forms"]],
  ["a form to bring back", { before: (page) => page.localStorage.setItem("modori_back:" + SITE, Date.now()) }, ["more"]],
  ["a compatible tag's cart", { before: (page) => (page.contx = { cart: { items: [] } }) }, ["carts"]],
];
for (const [place, options, parts] of PLACES) {
  test(`${place}: ${parts.join() || "the core alone"}`, async () => {
    const world = await open(options);
    await world.visit();
    await world.advance(2000);
    assert.deepEqual(names(world), parts);
  });
}

test("a page with fields gets the core alone until somebody, or something, is at one", async () => {
  for (const type of ["focusin", "input", "change"]) {
    const world = await new World({ html: FORM }).start();
    await world.advance(60_000);
    world.fire(world.page.document.body, type);
    assert.deepEqual(names(world), [], type);
    world.fire(world.element("#email"), type);
    await world.settle();
    assert.deepEqual(names(world), ["forms"], type);
  }
});

test("what was typed before the forms part came, and before capture was permitted, is read then", async () => {
  const world = await new World({ html: FORM, config: AFTER_CONSENT }).start();
  world.type("#email", "a@b.jp");
  await world.advance(2000);
  assert.deepEqual(names(world), []);
  world.say("consent", { channel: "email", granted: true });
  await world.advance(2000);
  assert.deepEqual(world.events("form").map(({ data }) => data.fields), [{ email: "a@b.jp" }]);
});

test("Trusted Types: the address of a part goes by a policy of ours, made once", async () => {
  const made: string[] = [];
  const createPolicy = (name: string, rules: any) => (made.push(name), rules);
  const world = await open({ html: FORM, before: (page) => (page.trustedTypes = { createPolicy }) });
  world.say("cart", cart);
  gtag(world, "event", "view_cart", { items: [] });
  await world.advance(20_000);
  assert.deepEqual([names(world).sort(), made], [["carts", "forms"], ["modori"]]);
});

test("a part that does not come harms nothing", async () => {
  const world = new World({ html: FORM });
  world.parts = {};
  await world.start();
  world.type("#email", "a@b.jp");
  world.say("cart", cart);
  await world.advance(60_000);
  await world.close();
  assert.deepEqual(names(world), ["forms"]);
  assert.equal(world.events("cart").length, 1);
  const { health } = world.events("page").at(-1)!.data;
  assert.equal(health.errors, 0);
});

test("a compatible tag's guest is heeded even where the carts part does not come", async () => {
  const world = new World({ html: FORM, before: (page) => (page.contx = { user: { id: "guest" } }) });
  delete world.parts.carts;
  await world.start();
  world.fire(world.element("#email"), "focusin");
  await world.advance(1000);
  world.type("#email", "a@b.jp");
  await world.advance(60_000);
  await world.close();
  assert.deepEqual(names(world), ["carts"]);
  assert.equal(world.events("form").length, 0);
  assert.equal(world.stored()["modori_form:" + SITE], undefined);
  assert.ok(world.events("page").length);
});
