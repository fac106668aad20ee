/** How events travel: batches, retries, the last flush, and what the next page takes up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Answer, type Options, World } from "./world";

const open = (options: Options = {}) => new World(options).start();
const cart = (value: number, items: object[] = []) => ({ currency: "JPY", value, items });
const order = (id: number | string, name = "") => ({ id, currency: "JPY", value: 1, items: [{ id, name, price: 1 }] });
const bytes = (text: string) => Buffer.byteLength(text);

/** A server that keeps each event once, as ours does, and how often each id came with which body. */
function counted(world: World) {
  const bodies = new Map<string, Set<string>>();
  for (const event of world.events()) {
    bodies.set(event.id, (bodies.get(event.id) || new Set()).add(JSON.stringify(event)));
  }
  return bodies;
}

test("states of one second become one event, the newest; orders all count", async () => {
  const world = await open();
  world.say("cart", cart(1));
  world.say("cart", cart(2));
  world.say("order", order(1));
  world.say("order", order(2));
  await world.advance(999);
  assert.equal(world.posts.length, 0);
  await world.advance(1);
  assert.equal(world.posts.length, 1);
  assert.deepEqual(world.events("cart").map((event) => event.data.value), [2]);
  assert.equal(world.events("order").length, 2);
});

test("nothing new means no request", async () => {
  const world = await open();
  await world.advance(1000);
  await world.close();
  assert.equal(world.posts.length, 1);
});

test("a request carries at most 50 events and fits what browsers allow beside the last flush", async () => {
  const world = await open();
  for (let i = 0; i < 90; i++) world.say("order", order(i, "戻".repeat(250)));
  await world.advance(1000);
  const sizes = world.posts.map(({ body }) => bytes(body));
  assert.ok(Math.max(...sizes) <= 15 * 1024, String(sizes));
  assert.ok(world.posts.every(({ init }) => init.keepalive));
  assert.ok(world.envelopes().every(({ events }) => events.length <= 50));
  assert.equal(world.events("order").length, 90);
  assert.ok([...counted(world).values()].every((seen) => seen.size === 1));
});

test("a large event goes alone, within the server's limit and what may outlive the page", async () => {
  const world = await open();
  const items = Array.from({ length: 100 }, (_, id) => ({ id, name: "戻".repeat(80), price: 1, image: "/" + "i".repeat(60) }));
  world.say("cart", cart(1, items));
  await world.advance(1000);
  const { body, init } = world.posts.at(-1)!;
  assert.ok(bytes(body) > 15 * 1024 && bytes(body) <= 48 * 1024, String(bytes(body)));
  assert.equal(init.keepalive, true);
  assert.equal(world.events("cart")[0]!.data.items.length, 100);
});

test("a cart that no request could carry loses items, not its total", async () => {
  const world = await open();
  const items = Array.from({ length: 100 }, (_, id) => ({ id, name: "戻".repeat(300), price: 1 }));
  world.say("cart", cart(777, items));
  await world.advance(1000);
  const [event] = world.events("cart");
  assert.equal(event!.data.value, 777);
  assert.equal(event!.data.items.length, 25);
});

test("a last flush stays within 48 KiB, newest first; what the browser refuses waits for the next page", async () => {
  const world = await open();
  world.answers = () => "hangs";
  await world.advance(1000);
  world.setVisible(false);
  world.setVisible(true);
  for (let i = 0; i < 80; i++) world.say("order", order(i, "戻".repeat(250)));
  const before = world.posts.length;
  await world.close();
  const last = world.posts.slice(before);
  const sent = JSON.parse(last[0]!.body).events as { data: { id: string } }[];
  assert.ok(last.every(({ init, body }) => init.keepalive === true && bytes(body) <= 48 * 1024));
  assert.ok(sent.length > 30 && sent.length < 80, String(sent.length));
  assert.equal(sent.at(-1)!.data.id, "79", "in their order");
  const next = await open({ after: world });
  await next.advance(10_000);
  const ids = new Set([...world.events("order"), ...next.events("order")].map((event) => event.data.id));
  assert.equal(ids.size, 80);
});

const FAILURES: [string, Answer][] = [
  ["unreachable", "unreachable"],
  ["busy", { status: 503 }],
  ["too many", { status: 429 }],
  ["broken", { status: 500 }],
  ["silent", "hangs"],
];
for (const [why, failure] of FAILURES) {
  test(`${why}: the same event comes again under the same id with the same body, later and later`, async () => {
    const world = await open();
    const times: number[] = [];
    world.answers = () => (times.push(world.now), times.length <= 3 ? failure : { status: 202 });
    world.say("order", order(1));
    world.setVisible(false);
    await world.advance(120_000);
    assert.equal(times.length, 4);
    const gaps = times.slice(1).map((at, i) => at - times[i]!);
    assert.ok(gaps.every((gap, i) => gap >= 5000 * 2 ** i), String(gaps));
    const seen = [...counted(world).values()];
    assert.ok(seen.every((versions) => versions.size === 1));
    assert.equal(world.stored()["modori_q:pk_test"], undefined, "what arrived is not kept");
  });
}

for (const status of [400, 403, 413]) {
  test(`${status}: dropped and not sent again`, async () => {
    const world = await open();
    world.answers = () => ({ status });
    world.say("order", order(1));
    await world.advance(14_000);
    await world.close();
    assert.equal(world.posts.length, 1);
    assert.equal(world.stored()["modori_q:pk_test"], undefined);
  });
}

test("Retry-After is heeded, by the last flush too", async () => {
  const world = await open();
  world.answers = () => ({ status: 503, retryAfter: "120" });
  world.say("order", order(1));
  await world.advance(119_000);
  world.setVisible(false);
  assert.equal(world.posts.length, 1);
  world.answers = () => ({ status: 202 });
  await world.advance(61_000 + 1000);
  assert.equal(world.posts.length, 2);
  assert.equal(world.events("order").length, 2);
});

test("when the network is back the next try does not wait, unless the server asked for it", async () => {
  for (const [failure, posts] of [["unreachable", 2], [{ status: 503, retryAfter: "120" }, 1]] as [Answer, number][]) {
    const world = await open();
    world.answers = () => failure;
    await world.advance(1000);
    world.answers = () => ({ status: 202 });
    world.fire(world.page, "online");
    await world.settle();
    assert.equal(world.posts.length, posts);
  }
});

test("a state that never arrived gives way to a newer one", async () => {
  const world = await open();
  world.answers = () => "unreachable";
  world.say("cart", cart(1));
  await world.advance(1000);
  world.say("cart", cart(2));
  world.answers = () => ({ status: 202 });
  await world.advance(60_000);
  assert.deepEqual(world.events("cart").map((event) => event.data.value), [1, 2]);
  assert.equal(counted(world).size, new Set(world.events().map(({ id }) => id)).size);
});

test("a state that changes on the way is a new event", async () => {
  const world = await open();
  const waiting: (() => void)[] = [];
  const fetch = world.page.fetch;
  (world.page as any).fetch = async (url: string, init: RequestInit) => {
    const answer = await fetch(url, init);
    await new Promise<void>((resolve) => waiting.push(resolve));
    return answer;
  };
  world.say("cart", cart(1));
  await world.advance(1000);
  world.say("cart", cart(2));
  await world.advance(1000);
  assert.equal(world.posts.length, 1, "one request at a time");
  waiting.shift()!();
  await world.settle();
  assert.deepEqual(world.events("cart").map((event) => event.data.value), [1, 2]);
  assert.equal(counted(world).size, 3);
});

test("what a closed page could not bring home, the next page does, once", async () => {
  const world = await open();
  await world.advance(1000);
  world.answers = () => "unreachable";
  world.say("order", order("A-1"));
  await world.close();
  const next = await open({ after: world });
  await next.advance(1000);
  const [repeated] = next.events("order");
  assert.deepEqual(repeated, world.events("order")[0]);
  await next.close();
  const third = await open({ after: next });
  await third.advance(5000);
  assert.equal(third.events("order").length, 0);
});

test("what the next page takes up stays in storage until the server has it, so that a page that is killed loses nothing", async () => {
  const world = await open();
  world.answers = () => "unreachable";
  world.say("order", order("A-1"));
  await world.close();
  const killed = await open({ after: world });
  killed.answers = () => "unreachable";
  await killed.advance(1000);
  assert.equal(killed.events("order").length, 1);
  const third = await open({ after: killed });
  await third.advance(1000);
  assert.deepEqual(third.events("order"), world.events("order").slice(0, 1));
  assert.equal(third.stored()["modori_q:pk_test"], undefined);
});

test("what waits in storage is bounded in number, and goes when the site is switched off", async () => {
  const world = await open();
  world.answers = () => "unreachable";
  for (let i = 0; i < 130; i++) world.say("order", order(i));
  await world.close();
  assert.equal(JSON.parse(world.stored()["modori_q:pk_test"]!).length, 100);
  world.now += 600_000;
  const off = await open({ after: world, config: { mode: "off" } });
  assert.equal(off.stored()["modori_q:pk_test"], undefined);
});

test("two tabs keep each other's events", async () => {
  const one = await open();
  one.answers = () => "unreachable";
  one.say("order", order("one"));
  await one.close();
  const two = await open({ after: one });
  two.answers = () => "unreachable";
  two.say("order", order("two"));
  await two.close();
  const next = await open({ after: two });
  await next.advance(1000);
  assert.deepEqual(next.events("order").map((event) => event.data.id), ["one", "two"]);
});

test("storage that somebody else wrote does no harm", async () => {
  for (const junk of ["[", "null", "{}", "[null]", '[{"json":"}{"}]']) {
    const world = await open({ before: (page) => page.localStorage.setItem("modori_q:pk_test", junk) });
    world.say("order", order(1));
    await world.advance(1000);
    assert.equal(world.events("order").length, 1, junk);
  }
});

test("half of requests failing: everything arrives in the end, nothing under two bodies", async () => {
  const world = await open();
  let turn = 0;
  const arrived = new Set<string>();
  world.answers = ({ body }) => {
    if (turn++ % 2 === 0) return turn % 4 === 1 ? "unreachable" : { status: 503 };
    (JSON.parse(body).events as { id: string }[]).forEach(({ id }) => arrived.add(id));
    return { status: 202 };
  };
  for (let i = 0; i < 30; i++) {
    world.say("order", order(i));
    await world.advance(700);
  }
  await world.advance(600_000);
  const orders = new Set(world.events("order").map(({ id }) => id));
  assert.equal(orders.size, 30);
  assert.ok([...orders].every((id) => arrived.has(id)));
  assert.ok([...counted(world).values()].every((versions) => versions.size === 1));
});
