import { startDebug } from "../debug";
import type { Core } from "../parts";
import { startRestore } from "../restore";

const LOOK_AGAIN_MS = 1000;

/** What few pages need: the overlay for the site's engineer, and what a link of ours brings back, once that is permitted. */
export function startMore(core: Core): void {
  const { page, store, safely } = core;
  if (/modori_debug=1/.test(page.location.search) || store.read("debug")) startDebug(core);
  const restore = safely(() => {
    if (core.permitted()) startRestore(core);
    else page.setTimeout(restore, LOOK_AGAIN_MS);
  });
  restore();
}
