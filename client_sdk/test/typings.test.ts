/** What a page's own TypeScript may say, by `modori.d.ts`. The types are judged by `npm run check`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ModoriCommands, ModoriTagAttributes } from "../modori";
import type { Brought } from "../src/restore/brought";

test("a page's hook may ask for the proof of what is masked", async () => {
  const asked: Promise<boolean>[] = [];
  const hook: ModoriCommands["restore"] = ({ items, masked, prove }) => {
    if (items.length && masked.email) asked.push(prove("taro@example.jp"));
  };
  const call: (brought: Brought) => void = hook;
  const item = { id: "P-1", name: "急須", price: 4980, quantity: 1 };
  call({ items: [item], fields: {}, masked: { email: "t•••@e•••.jp" }, prove: async () => true });
  assert.deepEqual(await Promise.all(asked), [true]);
});

test("the tag may ask for the proof itself", () => {
  const tag: ModoriTagAttributes = { "data-site": "pk_test", "data-restore": "ask" };
  assert.equal(tag["data-restore"], "ask");
});
