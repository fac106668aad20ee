import { findTag } from "./tag";
import { watch } from "./watch";
import type { Page } from "./wire";

/** Makes a function that never throws. */
export type Safely = <Args extends unknown[]>(work: (...args: Args) => void) => (...args: Args) => void;

/** Watch a page. Throws nothing, waits for nothing, and prints nothing but what `data-debug` on the tag asks for. */
export function start(page: Page): void {
  let debug = false;
  const safely: Safely =
    (work) =>
    (...args) => {
      try {
        work(...args);
      } catch (error) {
        if (debug) page.console.debug("[modori]", error);
      }
    };

  safely(() => {
    const tag = findTag(page.document);
    if (!tag || (page.modori && page.modori.version)) return;
    debug = tag.hasAttribute("data-debug");
    watch(page, tag.getAttribute("data-site") as string, new URL(tag.src).origin, safely);
  })();
}
