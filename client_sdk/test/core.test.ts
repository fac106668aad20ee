/** What the core does beside all that: card numbers, pages that come back, addresses, odd pages, its own health. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AFTER_CONSENT, cart, FORM, open, SITE, World } from "./world";

test("a card number that the page itself says is masked and counted; long ids of goods are not", async () => {
  const world = await open();
  const items = [{ id: "4901234567894", name: "4111-1111-1111-1111", price: 1 }, { id: "1111111111111117", name: "急須", price: 1 }];
  world.say("cart", { currency: "JPY", value: 2, items });
  world.say("consent", { channel: "email", granted: true, text: "4222222222222" });
  world.say("identify", { email: "a@b.jp", proof: { at: "2026-11-21T09:00:00Z", mac: "4111111111111111".repeat(4) } });
  await world.advance(16_000);
  const said = world.events("cart")[0]!.data.items.map(({ id, name }: any) => [id, name]);
  assert.deepEqual(said, [["4901234567894", ""], ["1111111111111117", "急須"]]);
  assert.equal(world.events("consent")[0]!.data.text, "");
  assert.equal(world.events("identify")[0]!.data.proof.mac.length, 64);
  assert.equal(world.events("page").at(-1)!.data.health.errors, 2);
});

test("a page that is rendered ahead is watched from when a person sees it", async () => {
  const world = new World({ before: (page) => (page.document.prerendering = true) });
  world.stub();
  world.say("cart", cart);
  await world.start();
  await world.advance(60_000);
  assert.equal(world.posts.length, 0);
  assert.deepEqual([world.stored(), world.page.document.cookie], [{}, ""]);
  (world.page.document as any).prerendering = false;
  world.setVisible(true);
  await world.advance(1000);
  assert.deepEqual(world.events().map(({ type }) => type), ["page", "cart"]);
});

test("a page that comes back from the back-forward cache is seen again", async () => {
  const world = await open();
  await world.advance(1000);
  world.fire(world.page, "pageshow");
  await world.advance(1000);
  assert.equal(world.events("page").length, 1);
  const back = new world.page.Event("pageshow") as any;
  back.persisted = true;
  world.page.dispatchEvent(back);
  await world.advance(1000);
  assert.equal(world.events("page").length, 2);
});

test("without the Navigation API the click that leads there tells; each address counts once, a fragment only where it is an address", async () => {
  const world = await open();
  const { history } = world.page;
  await world.advance(1000);
  for (const to of ["#top", "?x=2", "/one", "/one?y=1", "#/two", "#!/three"]) {
    history.pushState({ to }, "", to);
    world.fire(world.page.document.body, "click");
    await world.advance(1000);
  }
  assert.equal((history.state as any).to, "#!/three");
  const urls = world.events("page").map((event) => event.page.url.slice(20));
  assert.deepEqual(urls, ["/cart", "/one", "/one", "/one"]);
});

test("a dataLayer of any shape harms nothing", async () => {
  const thrower = Object.defineProperty({}, "0", { get: () => assert.fail("read") });
  for (const layer of [null, 1, "x", {}, [null, undefined, 1, "x", [], [[]], { event: {} }, thrower]]) {
    const world = await open({ before: (page) => (page.dataLayer = layer) });
    world.say("cart", cart);
    await world.advance(1000);
    assert.equal(world.events("cart").length, 1);
  }
});

test("what is kept of a visitor goes after 7 days, whatever is permitted; what is younger stays", async () => {
  const at = Date.UTC(2026, 10, 21, 9, 0, 0);
  for (const [days, left] of [[6, 3], [8, 0]] as const) {
    const said = at - days * 86_400_000;
    const kept = { form: said + " {}", cart: JSON.stringify({ at: said, items: [] }), back: JSON.stringify({ token: "t", at: said }) };
    const before = (page: any) => {
      page.Date.now = () => at;
      for (const [name, value] of Object.entries(kept)) page.localStorage.setItem("modori_" + name + ":" + SITE, value);
    };
    const world = await open({ before, config: AFTER_CONSENT });
    assert.deepEqual([Object.keys(world.stored()).length, world.posts.length], [left, 0]);
  }
});

test("a site that is switched off leaves nothing in the browser; one that cannot be asked forgets nothing", async () => {
  const world = await open({ html: FORM });
  await world.advance(1000);
  world.type("#email", "a@b.jp");
  world.answers = () => "unreachable";
  world.say("order", { id: "A-1", currency: "JPY", value: 1 });
  world.type("#email", "a@c.jp");
  await world.close();
  const before = Object.keys(world.stored()).sort();
  assert.deepEqual(before, ["modori_form:" + SITE, "modori_q:" + SITE, "modori_v:" + SITE]);
  for (const config of ["unreachable", "busy"] as const) {
    const unasked = await open({ after: world, config });
    await unasked.advance(120_000);
    await unasked.close();
    assert.deepEqual([Object.keys(unasked.stored()).sort(), unasked.posts.length], [before, 0]);
    assert.ok(unasked.page.document.cookie);
  }
  const off = await open({ after: world, config: { mode: "off" } });
  await off.advance(1000);
  assert.deepEqual([off.stored(), off.page.document.cookie, off.posts.length], [{}, "", 0]);
});

test("the tag tells how it fares: what it caught, what waits, what was refused or did not fit", async () => {
  const world = await open();
  world.say("nonsense");
  world.answers = () => ({ status: 400 });
  world.say("order", { id: 1 });
  await world.advance(1000);
  world.answers = () => ({ status: 202, json: { accepted: 1, refused: [{ id: "x", code: "bad_page" }] } });
  world.say("order", { id: 2 });
  await world.advance(15_000);
  world.say("order", { id: 3 });
  await world.advance(15_000);
  const { health } = world.events("page").at(-1)!.data;
  assert.equal(health.errors, 1);
  assert.equal(health.queued, 0);
  assert.equal(health.dropped, 5); // the refused page and order, and one of each of three answers since
});

test("an unfinished form is kept in this browser alone, until it is sent, ordered or a week old", async () => {
  const stored = (world: World) => world.stored()["modori_form:" + SITE];
  const world = await open({ html: FORM });
  world.type("#email", "a@b.jp");
  await world.advance(1000);
  assert.match(stored(world)!, /^\d+ {.*a@b\.jp.*}$/);
  const next = await open({ after: world });
  next.say("order", { id: "A-1", currency: "JPY", value: 1 });
  await next.advance(1000);
  assert.equal(stored(next), undefined);
  world.now += 8 * 86_400_000;
  const late = await open({ after: world });
  await late.advance(1000);
  assert.equal(stored(late), undefined);
});
