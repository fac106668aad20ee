import type { Page } from "./wire";

declare const contx: unknown;

/** A compatible tag's global, or undefined. A page may have declared it with `const`: then it is no member of the window. */
export function shimOf(page: Page): any {
  return (page as any).contx || (typeof contx === "undefined" ? undefined : contx);
}

/** Does the page say "do not contact" of this person? */
export const isGuest = (page: Page): boolean => shimOf(page)?.user?.id === "guest";
