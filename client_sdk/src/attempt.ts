/** What a piece of work gives, or null where it throws: the page's world lacks many a thing. */
export function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
