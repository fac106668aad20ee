import type { Safely } from "./safely";
import { findTag } from "./tag";
import { watch } from "./watch";
import type { Page } from "./wire";

/** Watch a page. Throws nothing, waits for nothing, and prints nothing but what `data-debug` on the tag asks for. */
export function start(page: Page): void {
  const health = { errors: 0 };
  let debug = false;
  const safely: Safely =
    (work) =>
    (...args) => {
      try {
        work(...args);
      } catch (error) {
        health.errors++;
        if (debug) page.console.debug("[modori]", error);
      }
    };

  safely(() => {
    const tag = findTag(page.document);
    if (!tag || (page.modori && page.modori.version)) return;
    debug = tag.hasAttribute("data-debug");
    watch(page, tag, safely, health);
  })();
}
