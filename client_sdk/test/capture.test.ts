/** What leaves the page, and when: modes, forms, commands, heartbeats. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AFTER_CONSENT, cart, HOST, SITE, type Options, World } from "./world";

const CHECKOUT = `
  <form id="checkout">
    <input id="email" type="email" autocomplete="section-x billing email" required>
    <input id="tel" type="tel" autocomplete="tel" required>
    <input id="name" autocomplete="name" required>
    <input id="org" autocomplete="organization">
    <select id="pref" autocomplete="address-level1"><option value=""></option><option value="13">東京都</option></select>
    <input id="card" autocomplete="cc-number">
    <input id="csc" autocomplete="cc-csc">
    <input id="code" autocomplete="one-time-code">
    <input id="password" type="password" autocomplete="name">
    <input id="hidden" type="hidden" autocomplete="email" value="HIDDEN@secret.jp">
    <input id="plain" name="email">
    <input id="disabled" autocomplete="postal-code" value="SECRET-105" disabled>
    <div data-modori-ignore><p><input id="ignored" autocomplete="postal-code"></p></div>
    <input id="unseen" autocomplete="given-name" style="display:none" value="SECRET-honeypot">
  </form>`;

const open = async (options: Options = {}) => {
  const world = await new World({ html: CHECKOUT, ...options }).start();
  await world.visit();
  return world;
};

test("a page that may be captured says so, in the envelope that the server expects", async () => {
  const world = await open({ url: "https://shop.example/cart?x=1&modori_t=T9#top" });
  await world.advance(1000);
  assert.deepEqual(world.asked, ["/v1/sites/pk_test/config"]);
  const [envelope] = world.envelopes();
  assert.equal(envelope!.site, SITE);
  assert.equal(envelope!.sdk, "1.1.0");
  assert.equal(envelope!.sent_at, "2026-11-21T09:00:01.000Z");
  const [event] = envelope!.events;
  assert.match(event!.id, /^[0-9a-f]{32}$/);
  assert.match(event!.visitor, /^[0-9a-f]{32}$/);
  assert.equal(event!.at, "2026-11-21T09:00:00.000Z");
  assert.deepEqual(event!.page, { url: "https://shop.example/cart?modori_t=T9", title: "カート" });
  const health = { errors: 0, queued: 0, dropped: 0 };
  assert.deepEqual([event!.type, event!.data], ["page", { health }]);
  const { init } = world.posts[0]!;
  assert.equal(init.credentials, "omit");
  assert.equal(init.keepalive, true);
  assert.deepEqual([typeof init.body, init.headers], ["string", undefined], "text/plain, which asks nothing before");
  assert.ok(world.page.document.cookie.includes("modori_v=" + event!.visitor));
  assert.equal(world.page.localStorage.getItem("modori_v:" + SITE), event!.visitor);
});

test("commands given before the script loaded are answered, and later ones too", async () => {
  const world = new World();
  world.stub();
  const stub = (world.page as any).modori;
  world.say("cart", cart);
  world.say("identify", { email: "a@b.jp" });
  await world.start();
  world.say("order", { id: "A-1", currency: "JPY", value: 4980 });
  (world.page as any).modori.q.push(["identify", { tel: "0312345678" }]); // as a kept stub would
  assert.notEqual((world.page as any).modori, stub);
  await world.advance(1000);
  const seen = world.events().map((event) => event.type);
  assert.deepEqual(seen, ["page", "cart", "identify", "order", "identify"]);
  assert.equal(world.events("cart")[0]!.data.items[0].quantity, 1);
});

test("the tag pasted twice counts once", async () => {
  const world = await open();
  await world.start();
  await world.advance(1000);
  assert.equal(world.events("page").length, 1);
});

test("a form is read by the allow-list, and nothing else is in any request", async () => {
  const world = await open();
  world.type("#email", "hanako@example.jp");
  world.type("#card", "4111111111111111");
  world.type("#csc", "SECRET-737");
  world.type("#code", "SECRET-123456");
  world.type("#password", "SECRET-hunter2");
  world.type("#plain", "SECRET@plain.jp");
  world.type("#ignored", "SECRET-1050011");
  world.type("#pref", "13");
  world.type("#name", "4111-1111-1111-1111");
  await world.advance(1000);
  const [form] = world.events("form");
  const { survey, ...state } = form!.data;
  assert.deepEqual(state, {
    submitted: false,
    form: "checkout",
    fields: { email: "hanako@example.jp", "address-level1": "東京都" },
    progress: 0.33,
    last_field: "name",
    times: {},
  });
  assert.deepEqual(
    survey.map(({ field, why }: { field: string; why: string }) => [field, why].join(" ")),
    [
      "email taken",
      "tel taken",
      "name value",
      "org taken",
      "pref taken",
      "card card",
      "csc card",
      "code one-time-code",
      "password password",
      "email taken",
      "disabled disabled",
      "ignored ignored",
      "unseen hidden",
    ],
  );
  world.type("#name", "山田 花子");
  world.type("#tel", "4111 1111 1111 1111");
  await world.advance(1000);
  world.type("#tel", "090-1234-5678");
  world.fire(world.element("#checkout"), "submit");
  await world.close();
  const last = world.events("form").at(-1)!;
  assert.equal(last.data.progress, 1);
  assert.equal(last.data.submitted, true);
  assert.equal(last.data.fields.tel, "090-1234-5678");
  const sentAndStored = world.posts.map(({ body }) => body).join() + JSON.stringify(world.stored());
  for (const secret of [/SECRET/, /4111/, /HIDDEN/]) assert.doesNotMatch(sentAndStored, secret);
});

test("a finished step that the page hides keeps what it said; an emptied field does not", async () => {
  const world = await open();
  world.type("#email", "hanako@example.jp");
  world.type("#name", "花子");
  await world.advance(1000);
  world.element("#email").style.display = "none";
  world.type("#name", "");
  await world.advance(1000);
  assert.deepEqual(world.events("form").at(-1)!.data.fields, { email: "hanako@example.jp" });
});

test("of two fields with one meaning, the buyer's counts before the recipient's", async () => {
  const html = `<form><input id="to" autocomplete="shipping tel"><input id="own" autocomplete="billing tel"></form>`;
  const world = await open({ html });
  world.type("#to", "0300000001");
  world.type("#own", "0900000002");
  await world.advance(1000);
  assert.deepEqual(world.events("form")[0]!.data.fields, { tel: "0900000002" });
  assert.equal(world.events("form")[0]!.data.form, "form-0");
});

test("inputs outside any form count as one; a form whose allowed fields stay empty is not reported", async () => {
  const world = await open({ html: `<input id="e" autocomplete="email"><form id="search"><input id="q"></form>` });
  world.type("#q", "SECRET-search");
  world.type("#e", "");
  await world.advance(2000);
  assert.equal(world.events("form").length, 0);
  world.type("#e", "a@b.jp");
  await world.advance(1000);
  assert.equal(world.events("form")[0]!.data.form, "page");
});

test("an unchanged form is reported once, at the time of its last touch", async () => {
  const world = await open();
  await world.advance(300);
  world.type("#email", "hanako@example.jp");
  await world.advance(3000);
  world.fire(world.element("#email"), "change");
  world.fire(world.element("#email"), "input");
  await world.close();
  assert.equal(world.events("form").length, 1);
  assert.equal(world.events("form")[0]!.at, "2026-11-21T09:00:00.300Z");
});

test("a key that is unknown forgets nobody: the id may be that of the shop's other pages", async () => {
  const before = (page: any) => (page.document.cookie = "modori_v=" + "a".repeat(32) + ";Path=/");
  const world = await open({ config: "missing", before });
  await world.advance(20_000);
  assert.deepEqual([world.page.document.cookie, world.posts.length, world.asked.length], ["modori_v=" + "a".repeat(32), 0, 1]);
});

test("mode off: nothing is asked for but the config, nothing sent, nothing stored", async () => {
  for (const config of [{ mode: "off" }, "missing", { mode: "nonsense" }] as Options["config"][]) {
    const world = await open({ config: config! });
    world.type("#email", "hanako@example.jp");
    world.say("cart", cart);
    world.say("consent", { channel: "email", granted: true });
    await world.advance(60_000);
    await world.close();
    assert.deepEqual([world.posts.length, world.stored(), world.page.document.cookie], [0, {}, ""]);
    assert.equal(world.asked.length, 1);
  }
});

test("an unreachable config is asked for again a few times and means off meanwhile", async () => {
  const world = await open({ config: "unreachable" });
  world.say("cart", cart);
  await world.advance(120_000);
  await world.close();
  assert.equal(world.asked.length, 7, "each wait is twice as long, with jitter: 1, 3, 7, 15, 31 and 63 s at least");
  assert.deepEqual([world.posts.length, world.stored()], [0, {}]);
});

test("a page that stays open asks for the config again, and obeys it without being touched", async () => {
  const world = await open();
  const on = world.config;
  await world.advance(1000);
  world.config = { mode: "off" };
  await world.advance(280_000);
  assert.equal(world.asked.length, 1);
  assert.ok(world.events("page").length > 10);
  await world.advance(30_000);
  assert.equal(world.asked.length, 2);
  const before = world.posts.length;
  world.answers = () => "unreachable";
  world.say("cart", cart);
  world.type("#email", "hanako@example.jp");
  await world.advance(280_000);
  assert.deepEqual([world.posts.length, world.stored()["modori_q:pk_test"]], [before, undefined]);
  world.answers = () => ({ status: 202 });
  world.config = on;
  await world.advance(30_000);
  world.say("cart", cart);
  await world.advance(1000);
  const sent = world.events().slice(-3).map(({ type }) => type);
  assert.equal(world.asked.length, 3);
  assert.ok(sent.includes("cart"), "back on, again without a touch");
  assert.equal(world.events("form").length, 0, "what was typed while it was off is forgotten");
});

test("an open page that cannot refresh its config goes by the last one; a hidden page does not ask", async () => {
  const world = await open();
  world.setVisible(false);
  await world.advance(900_000);
  assert.equal(world.asked.length, 1);
  world.setVisible(true);
  world.config = "unreachable";
  await world.advance(30_000);
  world.say("cart", cart);
  await world.advance(1000);
  assert.ok(world.asked.length > 2, "asked again, later and later");
  assert.equal(world.events("cart").length, 1);
  world.config = "missing"; // the key was revoked: off
  await world.advance(310_000);
  world.say("cart", cart);
  await world.advance(1000);
  assert.equal(world.events("cart").length, 1);
});

test("mode notice: captured only while the notice is in the page", async () => {
  const world = await open({ config: { mode: "notice", notice_selector: "#notice", heartbeat_s: 15 } });
  world.type("#email", "hanako@example.jp");
  world.say("cart", cart);
  await world.advance(5000);
  assert.deepEqual([world.posts.length, world.stored(), world.page.document.cookie], [0, {}, ""]);
  const notice = world.page.document.createElement("p");
  notice.id = "notice";
  notice.textContent = "お預かりします";
  world.page.document.body.append(notice);
  await world.advance(15_000);
  assert.deepEqual(world.events().map((event) => event.type), ["page", "cart", "form"]);
  assert.equal(world.events("cart")[0]!.at, "2026-11-21T09:00:00.000Z");
  notice.remove();
  const before = world.events().length;
  world.type("#email", "jiro@example.jp");
  await world.advance(60_000);
  await world.close();
  assert.equal(world.events().length, before);
});

for (const selector of ["", "##", "p:("]) {
  test(`mode notice with the selector ${JSON.stringify(selector)} captures nothing`, async () => {
    const world = await open({ config: { mode: "notice", notice_selector: selector } });
    world.say("cart", cart);
    await world.advance(20_000);
    assert.equal(world.posts.length, 0);
  });
}

test("mode after-consent: before a grant nothing leaves and nothing is stored; then what the page said goes", async () => {
  const world = await open({ config: AFTER_CONSENT });
  world.say("cart", { ...cart, value: 1 });
  world.say("cart", cart);
  world.type("#email", "hanako@example.jp");
  world.say("consent", { channel: "sms", granted: false });
  await world.advance(60_000);
  world.setVisible(false);
  world.setVisible(true);
  assert.deepEqual([world.posts.length, world.stored(), world.page.document.cookie], [0, {}, ""]);
  world.say("consent", { channel: "email", granted: true, text: "受け取る", control: "#optin" });
  await world.advance(2000); // the forms part is fetched only now
  assert.deepEqual(world.events().map(({ type }) => type), ["page", "cart", "consent", "consent", "form"]);
  assert.equal(world.events("cart")[0]!.data.value, 4980);
  const given = { channel: "email", granted: true, text: "受け取る", control: "#optin" };
  assert.deepEqual(world.events("consent")[1]!.data, given);
  assert.ok(Object.keys(world.stored()).includes("modori_v:" + SITE));
  const next = await open({ after: world, config: AFTER_CONSENT });
  await next.advance(1000);
  assert.equal(next.events("page").length, 1, "the grant is remembered");
});

test("a withdrawn grant is reported, and then capture ends", async () => {
  const world = await open({ config: AFTER_CONSENT });
  world.say("consent", { channel: "email", granted: true });
  await world.advance(1000);
  world.say("cart", cart);
  world.say("consent", { channel: "email", granted: false });
  world.say("cart", cart);
  world.type("#email", "hanako@example.jp");
  await world.advance(30_000);
  await world.close();
  assert.deepEqual(world.events().map(({ type }) => type), ["page", "consent", "consent"]);
  assert.equal(world.events("consent")[1]!.data.granted, false);
});

for (const config of [AFTER_CONSENT, { mode: "notice", notice_selector: "body" }]) {
  test(`mode ${config.mode}: "no thanks" removes the visitor and what was not sent, until it is taken back`, async () => {
    const world = await open({ config });
    world.say("consent", { channel: "capture", granted: true });
    await world.advance(1000);
    world.say("cart", cart);
    world.say("consent", { channel: "capture", granted: false });
    world.say("consent", { channel: "capture", granted: false });
    world.say("consent", { channel: "email", granted: true });
    world.type("#email", "hanako@example.jp");
    await world.advance(30_000);
    assert.equal(world.page.document.cookie, "modori_v=-");
    const said = world.events().map(({ type, data }) => [type, data.granted]);
    assert.deepEqual(said, [["page", undefined], ["consent", true], ["consent", false]], "one event asks to forget");
    assert.equal(world.events()[2]!.visitor, world.events()[0]!.visitor);
    const next = await open({ after: world, config });
    await next.advance(30_000);
    assert.equal(next.posts.length, 0);
    assert.equal(next.page.localStorage.getItem("modori_v"), null);
    next.say("consent", { channel: "capture", granted: true });
    await next.advance(1000);
    assert.equal(next.events("page").length, 1);
    assert.notEqual(next.events()[0]!.visitor, world.events()[0]!.visitor);
  });
}

test("heartbeat: an open and visible page says so every interval; a hidden one does not", async () => {
  const world = await open({ config: { mode: "notice", notice_selector: "body", heartbeat_s: 20 } });
  await world.advance(61_000);
  const at = world.events("page").map((event) => event.at.slice(14, 19));
  assert.deepEqual(at, ["00:00", "00:20", "00:40", "01:00"]);
  world.setVisible(false);
  await world.advance(600_000);
  assert.equal(world.events("page").length, 4);
  world.setVisible(true);
  await world.advance(1000);
  assert.equal(world.events("page").length, 5, "back in sight");
  world.setVisible(false);
  world.setVisible(true);
  await world.advance(1000);
  assert.equal(world.events("page").length, 5, "a glance away is no news");
});

test("closing the page sends the newest states and no sign of life", async () => {
  const world = await open();
  await world.advance(5000);
  world.type("#email", "a@b.jp");
  world.say("cart", cart);
  world.type("#email", "hanako@example.jp");
  await world.close();
  assert.deepEqual(world.events().map(({ type }) => type).sort(), ["cart", "form", "form", "page"]);
  const forms = world.events("form").sort((one, two) => Number(!!two.data.survey) - Number(!!one.data.survey));
  assert.deepEqual(forms.map(({ data }) => [!!data.survey, data.fields.email]), [
    [true, "a@b.jp"], // what is said once has its own event
    [false, "hanako@example.jp"],
  ]);
  assert.equal(forms[1]!.at, "2026-11-21T09:00:05.000Z");
});

test("a page that moves on by history is seen at its new address", async () => {
  const world = await open();
  await world.advance(1000);
  world.page.history.pushState(null, "", "/checkout?step=2");
  world.say("cart", cart);
  await world.advance(1000);
  const urls = world.events().map((event) => [event.type, event.page.url]);
  assert.deepEqual(urls, [
    ["page", "https://shop.example/cart"],
    ["page", "https://shop.example/checkout"],
    ["cart", "https://shop.example/checkout"],
  ]);
});

/** Pretend a browser's cookies: what it takes of a domain, and what it was told. */
function jarOf(page: any, refused: string[]): string[] {
  const written: string[] = [];
  let held = "";
  const set = (value: string) => {
    written.push(value.replace(/[0-9a-f]{32}/, "ID"));
    const [, domain] = /Domain=([^;]+)/.exec(value) || [];
    if (!refused.includes(domain!)) held = /Max-Age=-/.test(value) ? "" : value.split(";")[0]!;
  };
  Object.defineProperty(page.document, "cookie", { get: () => held, set });
  return written;
}
const COOKIE = "modori_v=ID;Path=/;Max-Age=34560000;SameSite=Lax";
const HOSTS: [url: string, refused: string[], written: string[]][] = [
  ["https://shop.example/", [], [COOKIE + ";Domain=shop.example;Secure"]],
  ["https://www.shop.example/", [], [COOKIE + ";Domain=shop.example;Secure"]],
  ["http://a.b.co.jp/", ["co.jp"], [COOKIE + ";Domain=co.jp", COOKIE + ";Domain=b.co.jp"]],
  ["https://a.shops.example/", ["shops.example"], [COOKIE + ";Domain=shops.example;Secure", COOKIE + ";Domain=a.shops.example;Secure"]],
  ["http://localhost:8000/", ["localhost"], [COOKIE]],
  ["http://127.0.0.1/", ["0.1", "0.0.1", "127.0.0.1"], [COOKIE]],
];
for (const [url, refused, expected] of HOSTS) {
  test(`the visitor's cookie at ${url}: first-party, long-lived, readable by the shop's server, for all of the site's hosts`, async () => {
    let written: string[] = [];
    const world = await open({ url, before: (page) => (written = jarOf(page, refused)) });
    assert.deepEqual(written, expected);
    world.say("consent", { channel: "capture", granted: false });
    assert.equal(world.page.document.cookie, "modori_v=-", "no thanks removes it under each domain, and leaves its mark");
    const domains = /\d\/$/.test(url) ? 0 : url.split(".").length - 1;
    assert.equal(written.length, 2 * expected.length + domains + 1);
  });
}

test("a visitor known by the cookie alone, or by storage alone, stays the same; a strange id is replaced", async () => {
  const id = "0123456789abcdef0123456789abcdef";
  const cases: [(page: any) => void, boolean][] = [
    [(page) => (page.document.cookie = "x=1"), false],
    [(page) => (page.document.cookie = "modori_v=" + id), true],
    [(page) => page.localStorage.setItem("modori_v:" + SITE, id), true],
    [(page) => (page.document.cookie = "modori_v=<script>"), false],
    [(page) => (page.document.cookie = "xmodori_v=" + id), false],
  ];
  for (const [before, kept] of cases) {
    const world = await open({ before });
    await world.advance(1000);
    assert.equal(world.events()[0]!.visitor === id, kept);
  }
});

test("without its tag the script does nothing", async () => {
  const world = await open({ tag: `<script src="${HOST}/other.js"></script>` });
  assert.deepEqual([world.asked.length, (world.page as any).modori], [0, undefined]);
});

test("it prints nothing, but with the overlay says what it did not understand", async () => {
  for (const [debug, lines] of [["", 0], ["?modori_debug=1", 1]] as const) {
    const world = await open({ url: "https://shop.example/" + debug });
    world.say("kart", cart);
    assert.equal(world.printed.length, lines);
  }
});

const throwing = () => {
  throw new Error("broken");
};
const BROKEN: [string, (page: any) => void][] = [
  ["localStorage throws", (page) => Object.defineProperty(page, "localStorage", { get: throwing })],
  ["localStorage is missing", (page) => Object.defineProperty(page, "localStorage", { value: undefined })],
  ["storage is full", (page) => (page.localStorage.setItem = throwing)],
  ["cookies throw", (page) => Object.defineProperty(page.document, "cookie", { get: throwing, set: throwing })],
  ["crypto throws", (page) => Object.defineProperty(page, "crypto", { get: throwing })],
  ["AbortSignal is missing", (page) => Object.defineProperty(page, "AbortSignal", { value: undefined })],
  ["crypto is missing", (page) => Object.defineProperty(page, "crypto", { value: undefined })],
];
const UNUSABLE: [string, (page: any) => void][] = [
  ["fetch throws", (page) => Object.defineProperty(page, "fetch", { value: throwing })],
  ["fetch is missing", (page) => Object.defineProperty(page, "fetch", { value: undefined })],
];
for (const [works, cases] of [[true, BROKEN], [false, UNUSABLE]] as const) {
  for (const [why, before] of cases) {
    test(`${why}: nothing is thrown, and the page is ${works ? "still" : "not"} captured`, async () => {
      const lost: unknown[] = [];
      const onLost = (error: unknown) => lost.push(error);
      process.on("unhandledRejection", onLost);
      const world = await open({ before });
      world.say("cart", cart);
      world.say("cart");
      world.say("consent", { channel: "capture", granted: true });
      world.type("#email", "hanako@example.jp");
      await world.advance(60_000);
      world.say("consent", { channel: "capture", granted: false });
      await world.close();
      process.off("unhandledRejection", onLost);
      assert.deepEqual(lost, []);
      assert.equal(world.events("form").length, works ? 1 : 0);
      const visitors = new Set(world.events().map((event) => event.visitor));
      assert.equal(visitors.size, works ? 1 : 0);
    });
  }
}
