/** What the core does beside capturing: late parts, refusals, signals, addresses, tabs, its own health. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Options, SITE, World } from "./world";

const cart = { currency: "JPY", value: 4980, items: [{ id: "P-1", name: "急須", price: 4980 }] };
const AFTER_CONSENT = { mode: "after-consent", notice_selector: "body" };
const FORM = `<form><input id="email" type="email" autocomplete="email"></form>`;
const open = async (options: Options = {}) => {
  const world = await new World(options).start();
  if (options.html === FORM) await world.visit();
  return world;
};
const names = (world: World) => world.scripts.map((script) => /(\w+)\.js\?/.exec(script.src)![1]);
const granted = (yes: boolean) => ({ ad_storage: yes ? "granted" : "denied", ad_user_data: yes ? "granted" : "denied" });

/** gtag as every page has it. */
function gtag(world: World, ...said: unknown[]): void {
  const page = world.page as any;
  page.dataLayer = page.dataLayer || [];
  (function (..._: unknown[]) {
    page.dataLayer.push(arguments);
  })(...said);
}

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

test("a refusal in the moment before the config is known is not lost with its page", async () => {
  const before = await open();
  await before.advance(1000);
  const world = await open({ after: before, config: "unreachable" });
  world.say("consent", { channel: "capture", granted: false });
  await world.close();
  assert.equal(world.posts.length, 0);
  const next = await open({ after: world });
  next.say("cart", cart);
  await next.advance(60_000);
  const [{ type, visitor, data }, ...others] = next.events() as any;
  assert.deepEqual([type, visitor, data.granted, others], ["consent", before.events()[0]!.visitor, false, []]);
  assert.deepEqual(Object.keys(next.stored()), ["modori_choice:" + SITE]);
  const last = await open({ after: next });
  await last.advance(60_000);
  assert.equal(last.posts.length, 0);
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

test("Consent Mode: a default is the site's word, an update the person's; both members count", async () => {
  const world = await open({ config: AFTER_CONSENT });
  world.say("cart", cart);
  gtag(world, "consent", "default", granted(true));
  gtag(world, "consent", "update", { ad_storage: "granted" });
  await world.advance(20_000);
  assert.deepEqual([world.posts.length, world.stored(), world.page.document.cookie], [0, {}, ""]);
  gtag(world, "consent", "update", { ad_user_data: "granted", region: ["JP"] });
  await world.advance(16_000);
  assert.equal(world.events("cart").length, 1);
  assert.equal(world.events("consent").length, 0, "it is no consent to any channel of ours");
  const next = await open({ after: world, config: AFTER_CONSENT });
  await next.advance(1000);
  assert.equal(next.events("page").length, 1, "remembered");
  gtag(next, "consent", "update", granted(false));
  next.say("cart", cart);
  const posts = next.posts.length;
  await next.advance(60_000);
  await next.close();
  assert.equal(next.posts.length, posts);
});

test("Consent Mode changes nothing where a notice is the ground, nor what was refused to us", async () => {
  const notice = await open();
  gtag(notice, "consent", "update", granted(false));
  await notice.advance(1000);
  assert.equal(notice.events("page").length, 1);
  const refused = await open({ config: AFTER_CONSENT });
  refused.say("consent", { channel: "capture", granted: true });
  await refused.advance(1000);
  refused.say("consent", { channel: "capture", granted: false });
  await refused.advance(1000);
  const posts = refused.posts.length;
  gtag(refused, "consent", "update", granted(true));
  await refused.advance(60_000);
  assert.equal(refused.posts.length, posts);
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

for (const config of [AFTER_CONSENT, { mode: "notice", notice_selector: "#none" }]) {
  test(`${config.mode}: "no thanks" before any permission has nobody to tell and nothing to delete`, async () => {
    const world = await open({ config });
    world.say("cart", cart);
    world.say("consent", { channel: "capture", granted: false });
    await world.advance(60_000);
    await world.close();
    assert.deepEqual([world.posts.length, world.page.document.cookie], [0, "modori_v=-"]);
  });
}

test('"no thanks" that does not arrive is said on the next page, and nothing else is', async () => {
  const world = await open({ html: FORM });
  world.type("#email", "a@b.jp");
  await world.advance(1000);
  const visitor = world.events()[0]!.visitor;
  assert.ok(world.stored()["modori_form:" + SITE]);
  world.answers = () => "unreachable";
  world.say("cart", cart);
  world.say("consent", { channel: "capture", granted: false });
  await world.close();
  assert.deepEqual(Object.keys(world.stored()).sort(), ["modori_choice:" + SITE, "modori_q:" + SITE]);
  const next = await open({ after: world });
  next.say("cart", cart);
  await next.advance(60_000);
  await next.close();
  assert.deepEqual(next.events().map(({ type, visitor: who }) => [type, who]), [["consent", visitor]]);
  assert.deepEqual(Object.keys(next.stored()), ["modori_choice:" + SITE]);
});

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

for (const config of [AFTER_CONSENT, { mode: "notice", notice_selector: "#none" }, { mode: "off" }, "unreachable"] as const) {
  test(`${JSON.stringify(config)}: a refusal before any permission is remembered, and no consent to Google undoes it`, async () => {
    const world = await open({ config });
    await world.advance(60_000);
    world.say("consent", { channel: "capture", granted: false });
    await world.close();
    // The cookie's mark waits until the visitor's id, if it holds one, has gone to the server.
    const marked = config === "unreachable" ? "" : "modori_v=-";
    assert.deepEqual([world.stored(), world.page.document.cookie], [{ ["modori_choice:" + SITE]: "-" }, marked]);
    const next = await open({ after: world, config: AFTER_CONSENT });
    gtag(next, "consent", "update", granted(true));
    next.say("cart", cart);
    await next.advance(60_000);
    assert.deepEqual([next.posts.length, next.page.document.cookie], [0, "modori_v=-"]);
  });
}

test("a refusal that no storage keeps still counts on its page, whatever other tabs store", async () => {
  const before = (page: any) => (page.localStorage.setItem = () => assert.fail("full"));
  const world = await open({ before });
  world.say("consent", { channel: "capture", granted: false });
  await world.advance(1000);
  world.fire(world.page, "storage");
  const posts = world.posts.length;
  world.say("cart", cart);
  await world.advance(60_000);
  assert.equal(world.posts.length, posts);
});

const signal = (page: any) => Object.defineProperty(page.navigator, "globalPrivacyControl", { value: true });
for (const [why, options] of [
  ["without its notice", { config: { mode: "notice", notice_selector: "#none" } }],
  ["under the privacy signal", { config: { mode: "notice", notice_selector: "body", gpc: true }, before: signal }],
] as const) {
  test(`mode notice ${why}: a grant or a withdrawal of a channel is not stored`, async () => {
    const world = await open(options);
    world.say("consent", { channel: "email", granted: true });
    world.say("consent", { channel: "sms", granted: false });
    await world.advance(20_000);
    await world.close();
    assert.deepEqual([world.stored(), world.posts.length], [{}, 0]);
  });
}

const SIGNALS: [boolean, unknown, number][] = [
  [false, true, 1], // Japan's law knows no such signal
  [true, true, 0],
  [true, false, 1],
  [true, undefined, 1], // a browser without it
];
for (const [counts, says, pages] of SIGNALS) {
  test(`a site where the privacy signal counts ${counts}, and it says ${says}: ${pages} page is told of`, async () => {
    const before = (page: any) => Object.defineProperty(page.navigator, "globalPrivacyControl", { value: says });
    const world = await open({ config: { mode: "notice", notice_selector: "body", gpc: counts }, before });
    await world.advance(2000);
    assert.equal(world.events("page").length, pages);
  });
}

test("under the privacy signal an older grant is taken back in the browser, too", async () => {
  const before = await open({ config: AFTER_CONSENT });
  before.say("consent", { channel: "email", granted: true });
  await before.advance(1000);
  const world = await open({ after: before, config: { ...AFTER_CONSENT, gpc: true }, before: signal });
  world.say("consent", { channel: "email", granted: false });
  await world.advance(1000);
  assert.equal(world.stored()["modori_choice:" + SITE], undefined);
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

test("a withdrawal by a browser that the server knows needs no permission", async () => {
  const before = await open({ config: AFTER_CONSENT });
  before.say("consent", { channel: "email", granted: true });
  await before.advance(1000);
  const world = await open({ after: before, config: { ...AFTER_CONSENT, mode: "notice", notice_selector: "#none" } });
  world.say("cart", cart);
  world.say("consent", { channel: "sms", granted: true });
  world.say("consent", { channel: "email", granted: false });
  await world.advance(60_000);
  assert.deepEqual(world.events().map(({ type, data }) => [type, data.channel]), [["consent", "email"]]);
});

for (const channel of ["email", "ads"]) {
  test(`"no thanks" after the last grant, of ${channel}, was taken back reaches the server, once, and so does another channel's`, async () => {
    const world = await open({ config: AFTER_CONSENT });
    const answer = (yes: boolean) =>
      channel === "ads" ? gtag(world, "consent", "update", granted(yes)) : world.say("consent", { channel, granted: yes });
    answer(true);
    await world.advance(20_000);
    const { visitor } = world.events("page")[0]!;
    answer(false);
    world.fire(world.page.document.body, "click");
    await world.advance(1000);
    assert.equal(world.page.document.cookie, "");
    world.say("consent", { channel: "sms", granted: false });
    world.say("consent", { channel: "capture", granted: false });
    world.say("consent", { channel: "capture", granted: false });
    await world.advance(20 * 60_000);
    const said = world.events("consent").filter(({ data }) => /sms|capture/.test(data.channel));
    assert.deepEqual(said.map((event) => [event.data.channel, event.visitor]), [["sms", visitor], ["capture", visitor]]);
    assert.deepEqual([world.page.document.cookie, Object.keys(world.stored())], ["modori_v=-", ["modori_choice:" + SITE]]);
  });
}

test("a grant after the last one was taken back makes a new visitor", async () => {
  const world = await open({ config: AFTER_CONSENT });
  for (const yes of [true, false, true]) {
    world.say("consent", { channel: "email", granted: yes });
    await world.advance(2000);
  }
  const [first, left, again] = world.events("consent");
  assert.equal(left!.visitor, first!.visitor);
  assert.notEqual(again!.visitor, first!.visitor);
});

test("the privacy signal, heard where it counts, forgets what is stored and asks the server to forget, once", async () => {
  const before = await open({ html: FORM, config: AFTER_CONSENT });
  before.say("consent", { channel: "email", granted: true });
  before.say("cart", cart);
  await before.advance(2000);
  before.type("#email", "a@b.jp");
  before.answers = () => "unreachable";
  await before.close();
  assert.ok(before.stored()["modori_q:" + SITE] && before.stored()["modori_form:" + SITE]);
  const world = await open({ after: before, config: { ...AFTER_CONSENT, gpc: true }, before: signal });
  await world.advance(20 * 60_000);
  world.say("cart", cart);
  const said = world.events().map(({ type, data }) => [type, data.channel, data.granted]);
  assert.deepEqual(said, [["consent", "capture", false]]);
  assert.equal(world.events()[0]!.visitor, before.events()[0]!.visitor);
  assert.deepEqual([Object.keys(world.stored()), world.page.document.cookie], [["modori_choice:" + SITE], ""]);
  const next = await open({ after: world, config: { ...AFTER_CONSENT, gpc: true }, before: signal });
  await next.advance(60_000);
  await next.close();
  assert.equal(next.posts.length, 0);
});

const UNSEEN: [why: string, html: string, counts: boolean][] = [
  ["shown", `<p id="notice">お預かりします</p>`, true],
  ["empty", `<p id="notice"> <br> </p>`, false],
];
for (const [why, html, counts] of UNSEEN) {
  test(`a notice that is ${why} permits capture: ${counts}`, async () => {
    const world = await open({ html, config: { mode: "notice", notice_selector: "#notice" } });
    await world.advance(2000);
    assert.deepEqual([world.posts.length > 0, !!world.page.document.cookie], [counts, counts]);
  });
}

const WORDED: [why: string, html: string, words: string][] = [
  ["its label", `<label>メールで <b>案内</b><input id="c" type="checkbox"></label>`, "メールで 案内"],
  ["its first label", `<label for="c">案内を</label> <input id="c" type="checkbox"> <label for="c">受け取る</label>`, "案内を"],
  ["its own", `<button id="c">同意する</button>`, "同意する"],
  ["its title, where nothing else names it", `<p>他の文<a id="c" title="メールで受け取る"> </a></p>`, "メールで受け取る"],
  ["its title, where its label is only drawn", `<label>\n<input id="c" type="checkbox" title="案内を受け取る"><i></i></label>`, "案内を受け取る"],
  ["what follows it", `<p><input id="c" type="checkbox"> メルマガを受け取る <br></p>`, "メルマガを受け取る"],
  ["what is around it", `<td><p><span>案内を受け取る</span><input id="c" type="checkbox"></p></td>`, "案内を受け取る"],
  ["at most 2,000 characters of what is around it", `<p>${"長".repeat(2001)}<input id="c" type="checkbox"></p>`, "長".repeat(2000)],
];
for (const [why, html, words] of WORDED) {
  test(`a consent's words are ${why}`, async () => {
    const world = await open({ html });
    world.say("consent", { channel: "email", granted: true, control: "#c" });
    await world.advance(1000);
    assert.equal(world.events("consent")[0]!.data.text, words);
  });
}

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

test("a consent carries its control's own words, and only where it brings none", async () => {
  const html = `<label>毎週の <b>お知らせ</b>\n を受け取る<input type="checkbox" id="in"></label>
    <input type="checkbox" id="by"><label for="by">SMSで受け取る</label><button id="button"> 同意する </button>`;
  const cases: [object, string | undefined][] = [
    [{ control: "#in" }, "毎週の お知らせ を受け取る"],
    [{ control: "#by" }, "SMSで受け取る"],
    [{ control: "#button" }, "同意する"],
    [{ control: "#in", text: "別の文" }, "別の文"],
    [{ control: "##" }, undefined],
    [{ control: "#none" }, undefined],
    [{}, undefined],
  ];
  for (const [said, text] of cases) {
    const world = await open({ html });
    world.say("consent", { channel: "email", granted: true, ...said });
    await world.advance(1000);
    assert.equal(world.events("consent")[0]!.data.text, text);
  }
});

test("every grant counts; a signed identity keeps its proof; a restore hook waits for its part", async () => {
  const world = await open();
  for (const text of ["一", "二"]) world.say("consent", { channel: "email", granted: true, text });
  const mac = "0".repeat(64);
  world.say("identify", { email: "a@b.jp", proof: { at: "2026-11-21T09:00:00Z", mac, other: "x" } });
  world.say("restore", () => assert.fail("there is nothing to bring back"));
  await world.advance(1000);
  assert.deepEqual(world.events("consent").map(({ data }) => data.text), ["一", "二"]);
  assert.deepEqual(world.events("identify")[0]!.data.proof, { at: "2026-11-21T09:00:00Z", mac });
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
