const URL_LIMIT = 2000;

/** A page's address without fragment and query, but for `utm_*` and our click token. */
export function pageUrl(location: Pick<Location, "origin" | "pathname" | "search">): string {
  const kept = location.search.match(/[?&](utm_\w+|modori_t)=[^&]*/g) || [];
  return (location.origin + location.pathname + kept.join("").replace(/^&/, "?")).slice(0, URL_LIMIT);
}

/** An address that the page gave, made absolute; undefined where it is none that a person could open. */
export function absoluteUrl(given: unknown, base: string): string | undefined {
  try {
    const { href } = new URL(given as string, base);
    if (given && typeof given === "string" && /^http/.test(href) && href.length <= URL_LIMIT) return href;
  } catch {
    // No address.
  }
  return undefined;
}

/** Where in a site a page is: another one is another page. A fragment counts where it is an address ("#/cart"). */
export function spotOf(location: Location): string {
  return location.pathname + (/^#[!/].*/.exec(location.hash) || "");
}
