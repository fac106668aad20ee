/** One person in several tabs, hosts and kinds of storage: a refusal and a visitor count in all of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AFTER_CONSENT, cart, FORM, open, SITE } from "./world";

test("a withdrawal that another tab left survives this tab's refusal", async () => {
  const other = await open();
  await other.advance(1000);
  other.answers = () => "unreachable";
  other.say("order", { id: "A-1" });
  other.say("consent", { channel: "sms", granted: false });
  await other.close();
  const world = await open();
  world.answers = () => "unreachable";
  await world.advance(1000);
  world.page.localStorage.setItem("modori_q:" + SITE, other.stored()["modori_q:" + SITE]!);
  world.say("consent", { channel: "capture", granted: false });
  await world.close();
  const next = await open({ after: world });
  await next.advance(1000);
  assert.deepEqual(next.events().map(({ type, data }) => [type, data.channel]), [["consent", "sms"], ["consent", "capture"]]);
});

test("a refusal in another tab is heard here", async () => {
  const world = await open({ html: FORM });
  await world.advance(1000);
  world.type("#email", "a@b.jp");
  world.say("order", { id: "A-1" });
  world.page.localStorage.setItem("modori_choice:" + SITE, "-");
  world.fire(world.page, "storage");
  world.say("cart", cart);
  await world.advance(60_000);
  await world.close();
  assert.deepEqual(world.events().map(({ type }) => type), ["page"]);
});

test("no thanks in another tab forgets this one's visitor: whoever takes it back later is somebody new", async () => {
  const world = await open();
  await world.advance(2000);
  const [{ visitor }] = world.events("page") as any;
  world.page.localStorage.setItem("modori_choice:" + SITE, "-");
  world.fire(world.page, "storage");
  assert.equal(world.page.document.cookie, "modori_v=-");
  world.say("consent", { channel: "capture", granted: true });
  world.say("cart", cart);
  await world.advance(2000);
  assert.match(world.events("cart")[0]!.visitor, /^[0-9a-f]{32}$/);
  assert.notEqual(world.events("cart")[0]!.visitor, visitor);
});

test("where neither cookie nor storage is kept, a page's visitor stays the same while it is open", async () => {
  const before = (page: any) => {
    Object.defineProperty(page.document, "cookie", { get: () => "", set() {} });
    Object.defineProperty(page, "localStorage", { get: () => assert.fail("denied") });
  };
  const world = await open({ before });
  await world.advance(2000);
  await world.advance(400_000);
  world.say("cart", cart);
  await world.advance(2000);
  assert.equal(new Set(world.events().map(({ visitor }) => visitor)).size, 1);
});

test("another tab's visitor is this one's too", async () => {
  const world = await open();
  await world.advance(1000);
  const other = "fedcba9876543210fedcba9876543210";
  world.page.document.cookie = `modori_v=${other};Path=/;Secure`;
  world.fire(world.page, "storage");
  world.say("cart", cart);
  await world.advance(1000);
  assert.equal(world.events("cart")[0]!.visitor, other);
});

test("an id that another tab gave up with the last permission is not taken up again", async () => {
  const world = await open({ config: AFTER_CONSENT });
  world.say("consent", { channel: "email", granted: true });
  await world.advance(2000);
  const [{ visitor }] = world.events("page") as any;
  world.page.document.cookie = "modori_v=;Path=/;Max-Age=-1;Domain=shop.example;Secure";
  world.page.localStorage.clear();
  world.fire(world.page, "storage");
  world.say("consent", { channel: "sms", granted: true });
  await world.advance(2000);
  const later = world.events("consent").at(-1)!.visitor;
  assert.notEqual(later, visitor);
  assert.equal(world.page.document.cookie, "modori_v=" + later, "the server hears of the visitor that the next page finds");
});

test("where cookies are denied, a refusal that another tab took back does not come again", async () => {
  const before = (page: any) => Object.defineProperty(page.document, "cookie", { get: () => "", set() {} });
  const world = await open({ before, config: { mode: "notice", notice_selector: "#notice" } });
  const other = "fedcba9876543210fedcba9876543210";
  for (const [choice, visitor] of [["-", ""], ["capture", other]] as const) {
    world.page.localStorage.setItem("modori_choice:" + SITE, choice);
    world.page.localStorage.setItem("modori_v:" + SITE, visitor);
    world.fire(world.page, "storage");
  }
  await world.advance(400_000); // the config was asked for again
  world.page.document.body.insertAdjacentHTML("beforeend", `<p id="notice">入力中の内容をお預かりします。</p>`);
  await world.advance(20_000);
  assert.deepEqual([...new Set(world.events().map(({ type, visitor }) => type + " " + visitor))], ["page " + other]);
});

test("a refusal that another tab could mark in the cookie only is heard, and its mark stays", async () => {
  const world = await open();
  await world.advance(2000);
  const { length } = world.events();
  world.page.document.cookie = "modori_v=-;Path=/;Domain=shop.example;Secure";
  world.page.localStorage.removeItem("modori_v:" + SITE);
  world.fire(world.page, "storage");
  world.say("cart", cart);
  await world.advance(60_000);
  assert.equal(world.page.document.cookie, "modori_v=-");
  assert.equal(world.events().length, length);
});

test("the visitor of the site's other host is this host's, too, when the cookie has ended", async () => {
  const [old, now] = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"];
  const before = (page: any) => {
    page.localStorage.setItem("modori_v:" + SITE, old);
    page.document.cookie = `modori_v=${now};Path=/;Domain=shop.example;Secure`;
  };
  const world = await open({ before });
  await world.advance(2000);
  assert.equal(world.events("page")[0]!.visitor, now);
  assert.equal(world.stored()["modori_v:" + SITE], now);
});

test("two tabs that refused with no network do not answer each other's storage for ever", async () => {
  const world = await open({ config: AFTER_CONSENT });
  world.say("consent", { channel: "capture", granted: true });
  await world.advance(2000);
  world.answers = () => "unreachable";
  world.say("consent", { channel: "email", granted: false });
  await world.advance(2000);
  const key = "modori_q:" + SITE;
  const theirs = { id: "00000000000000000000000000000001", key: "consent capture", json: "{}" };
  world.page.localStorage.setItem(key, JSON.stringify([theirs]));
  world.page.localStorage.setItem("modori_choice:" + SITE, "-");
  world.fire(world.page, "storage");
  const both = JSON.parse(world.stored()[key]!) as { id: string }[];
  assert.equal(both.length, 2);
  const turned = JSON.stringify([...both].reverse()); // as the other tab writes it, its own last
  world.page.localStorage.setItem(key, turned);
  world.fire(world.page, "storage");
  assert.equal(world.stored()[key], turned);
});
