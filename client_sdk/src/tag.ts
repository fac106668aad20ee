/** Find the tag that loaded this script, or null. */
export function findTag(document: Document): HTMLScriptElement | null {
  return document.querySelector('script[data-site^=pk][src*="/sdk/"]');
}
