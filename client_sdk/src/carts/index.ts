import type { Core } from "../parts";

/** Watch what the page says of its cart to others. */
export function watchCarts(core: Core): void {
  core.soon();
}
