import type { Core } from "../parts";

/** Bring back what a person left, on the page that a link of ours led to. */
export function startRestore(core: Core): void {
  core.safely(() => core.store.write("back", ""))();
}
