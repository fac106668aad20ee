import type { Failures, Safely } from "./safely";
import { findTag } from "./tag";
import { watch } from "./watch";
import type { Page } from "./wire";

/**
 * Watch a page, once.
 *
 * Throws nothing, waits for nothing, and prints nothing.
 */
export function start(page: Page): void {
  const failed: Failures = { errors: 0 };
  const safely: Safely =
    (work) =>
    (...args) => {
      try {
        work(...args);
      } catch (error) {
        failed.errors++;
        failed.told?.(error);
      }
    };

  safely(() => {
    const tag = findTag(page.document);
    // A frame without an address of its own is read by the page around it.
    if (tag && !page.modori?.version) watch(page, tag, safely, failed);
  })();
}
