import type { Listen } from "./safely";
import type { Page } from "./wire";

type Move = (this: History, ...args: any[]) => void;

/**
 * Call `moved` when a page changes its address without being loaded anew. Nothing is patched where the browser has
 * the Navigation API; elsewhere `pushState` and `replaceState` do what they did, and then tell.
 */
export function watchAddress(page: Page, on: Listen, moved: () => void): void {
  const { navigation, history } = page as Page & { navigation?: EventTarget };
  if (navigation) return on(navigation, "currententrychange", moved);
  on(page, "popstate", moved);
  on(page, "hashchange", moved);
  for (const name of ["pushState", "replaceState"] as const) {
    const move: Move = history[name];
    history[name] = function (...args: unknown[]) {
      move.apply(this, args);
      moved();
    };
  }
}
