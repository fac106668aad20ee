/** What a consent and a signed identity carry: the words that the person saw, and the proof. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { open } from "./world";

const WORDED: [why: string, html: string, words: string][] = [
  ["its label", `<label>メールで <b>案内</b><input id="c" type="checkbox"></label>`, "メールで 案内"],
  ["its first label", `<label for="c">案内を</label> <input id="c" type="checkbox"> <label for="c">受け取る</label>`, "案内を"],
  ["its own", `<button id="c">同意する</button>`, "同意する"],
  ["its value, where it is an input that sends", `<p>他の文<input id="c" type="submit" value="同意して 送信" title="送る"></p>`, "同意して 送信"],
  ["its value, where it is an input that is a button", `<p>他の文<input id="c" type="button" value="受け取る"></p>`, "受け取る"],
  ["its label and not its value", `<label for="c">案内を受け取る</label><input id="c" type="submit" value="OK">`, "案内を受け取る"],
  ["not the value that a box sends", `<p><input id="c" type="checkbox" value="1"> 案内を受け取る</p>`, "案内を受け取る"],
  ["not the value that a button sends", `<p>他の文<button id="c" value="1" title="同意する"><i></i></button></p>`, "同意する"],
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
