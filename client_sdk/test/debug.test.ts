/** What the engineer's overlay says, and that it says nothing of what people typed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Options, World } from "./world";

const FORM = `<form id="checkout"><input id="email" name="mail" autocomplete="email">
  <input name="pass" type="password"><input name="card" autocomplete="cc-number"><input name="q7"></form>`;

async function open(options: Options = {}): Promise<World> {
  const world = new World({ url: "https://shop.example/cart?modori_debug=1", html: FORM, ...options });
  await world.start();
  await world.advance(2000);
  return world;
}

/** The overlay's text, or "" where there is none. */
function shown(world: World): string {
  const hosts = Array.from(world.page.document.querySelectorAll("[data-modori-ignore]"));
  return hosts.map((host) => host.shadowRoot?.querySelector("section")?.textContent || "").join("");
}

test("the overlay says what is seen, and why a field is not taken", async () => {
  const world = await open();
  world.type("#email", "hanako@example.jp");
  await world.advance(3000);
  const text = shown(world);
  for (const said of ["Capturing", "pk_test", "notice", "mail", "email", "taken", "a password: never read"]) {
    assert.ok(text.includes(said), said);
  }
  assert.match(text, /form · form: checkout/);
  assert.ok(!text.includes("hanako"));
});

test("it speaks Japanese on a Japanese page", async () => {
  const world = await open({ before: (page) => page.document.documentElement.setAttribute("lang", "ja") });
  assert.match(shown(world), /取得中/);
});

for (const [config, why] of [
  [{ mode: "off" }, /mode is off/],
  [{ mode: "after-consent", notice_selector: "" }, /no consent yet/],
  [{ mode: "notice", notice_selector: "#nowhere" }, /notice is not in the page/],
] as const) {
  test(`why nothing is captured: ${config.mode}`, async () => {
    assert.match(shown(await open({ config })), why);
  });
}

for (const [origins, why] of [
  [["https://SHOP.example/", "https://www.shop.example"], /^What Modori seesCopyClose \(Esc\)Capturing/],
  [["https://www.shop.example"], /The server refuses .*\(https:\/\/shop\.example\)/],
] as const) {
  test(`a page of https://shop.example, where the site's origins are ${origins.join(" and ")}`, async () => {
    assert.match(shown(await open({ config: { mode: "notice", notice_selector: "body", origins } })), why);
  });
}

test("it stays for an hour, and closing ends that", async () => {
  const world = await open();
  assert.ok(world.page.localStorage.getItem("modori_debug:pk_test"));
  assert.notEqual(shown(await open({ url: "https://shop.example/cart", after: world })), "");
  const late = new World({ url: "https://shop.example/cart", after: world });
  late.now += 3_600_000;
  await late.start();
  assert.equal(shown(late), "");
  assert.equal(late.page.localStorage.getItem("modori_debug:pk_test"), null);
  const [host] = Array.from(world.page.document.querySelectorAll("[data-modori-ignore]"));
  const [, close] = Array.from(host!.shadowRoot!.querySelectorAll("button"));
  close!.click();
  assert.equal(shown(world), "");
  assert.equal(world.page.localStorage.getItem("modori_debug:pk_test"), null);
});

test("without the word in the address there is no overlay", async () => {
  assert.equal(shown(await open({ url: "https://shop.example/cart" })), "");
});
