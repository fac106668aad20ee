import type { Core } from "../parts";

/** Tell the site's engineer what is seen. */
export function startDebug(core: Core): void {
  core.page.console.debug("[modori]", core.config().mode, core.permitted(), core.health());
}
