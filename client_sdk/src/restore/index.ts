import { fill } from "../forms/writing";
import type { Core, RestoreHook } from "../parts";
import { askForProof } from "./asking";
import { type Brought, ownFields, readLeft } from "./brought";
import { fillCoupon } from "./coupon";
import { findReturn, tidyAddress } from "./return";

/** A form may come up after the page: it is looked for at these moments, ms after the page began. */
const LOOKS_MS = [0, 500, 1500, 4000, 10_000];

/**
 * Bring back what a person left, on the page that a link of ours led to and on those that follow it within a day.
 *
 * This browser's own form comes from its own storage. On another device the server says what may be written and
 * what only be shown; whoever names the contact point that the link was sent to gets the rest. What a person has
 * typed stays.
 */
export function startRestore(core: Core): void {
  const { page, safely, store } = core;
  const back = findReturn(core);
  if (!back) return;
  safely(tidyAddress)(core);
  const { token, coupon } = back;

  async function ask(path: string, init: RequestInit) {
    const { status, text } = await core.ask("restore/" + token + path, init);
    return { status, left: status === 200 ? readLeft(text) : null };
  }

  async function bring(): Promise<void> {
    const { status, left } = await ask("", {});
    if (status === 204) return store.write("back", ""); // bought, erased, or too old
    const own = ownFields(core);
    if (!left && !own) return;
    const unwritten: Record<string, string> = { ...(own || left!.fields) };
    let couponLeft = coupon;
    const look = safely(() => {
      for (const name of Object.keys(unwritten)) {
        if (fill(core, { [name]: unwritten[name]! })) delete unwritten[name];
      }
      if (couponLeft && fillCoupon(core, couponLeft)) couponLeft = "";
    });
    const brought: Brought = {
      ...(left || { items: [] }),
      ...(coupon && { coupon }),
      fields: { ...unwritten },
      masked: own ? {} : left!.masked,
      async prove(contact) {
        const init = { method: "POST", headers: { "Content-Type": "text/plain" }, body: JSON.stringify({ contact }) };
        const { left: proven } = await ask("/proof", init);
        if (!proven) return false;
        Object.assign(unwritten, proven.fields);
        Object.assign(brought.fields, proven.fields);
        brought.masked = {};
        look();
        return true;
      },
    };
    LOOKS_MS.forEach((ms) => page.setTimeout(look, ms));
    const tell = safely((hook: RestoreHook) => hook(brought));
    const early = core.hooks as unknown as RestoreHook[];
    core.hooks = { push: tell };
    early.forEach(tell);
    if (core.tag.dataset.restore === "ask" && Object.keys(brought.masked).length) askForProof(core, brought);
  }

  bring().catch(safely((error: unknown) => {
    throw error;
  }));
}
