import type { Safely } from "./safely";
import { findTag } from "./tag";
import { watch } from "./watch";
import type { Page } from "./wire";

/**
 * Watch a page, from when a person sees it: not while it is only rendered ahead.
 *
 * Throws nothing, waits for nothing, and prints nothing but what `data-debug` on the tag asks for.
 */
export function start(page: Page): void {
  const failed = { errors: 0 };
  let debug = false;
  const safely: Safely =
    (work) =>
    (...args) => {
      try {
        work(...args);
      } catch (error) {
        failed.errors++;
        if (debug) page.console.debug("[modori]", error);
      }
    };

  safely(() => {
    const document: Document & { prerendering?: boolean } = page.document;
    const tag = findTag(document);
    if (!tag) return;
    debug = "debug" in tag.dataset;
    const begin = safely(() => {
      if (!(page.modori && page.modori.version)) watch(page, tag, safely, failed);
    });
    if (document.prerendering) document.addEventListener("prerenderingchange", begin);
    else begin();
  })();
}
