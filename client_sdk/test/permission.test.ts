/** Who permits and who refuses: notices, consents, Google's Consent Mode, the privacy signal; a refusal is never lost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AFTER_CONSENT, cart, FORM, granted, gtag, open, SITE } from "./world";

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
