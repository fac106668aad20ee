/** Find the tag that loaded this script, or null. */
export function findTag(document: Document): HTMLScriptElement | null {
  const running = document.currentScript;
  if (running && running.hasAttribute("data-site")) return running as HTMLScriptElement;
  return document.querySelector('script[data-site][src*="/sdk/"]');
}
