const URL_LIMIT = 2000;

/** A page's address without fragment and query, but for `utm_*` and our click token. */
export function pageUrl(href: string): string {
  const url = new URL(href);
  const kept = new URLSearchParams();
  url.searchParams.forEach((value, name) => {
    if (/^(utm_\w+|modori_t)$/.test(name)) kept.append(name, value);
  });
  const query = kept.toString();
  return (url.origin + url.pathname + (query && "?" + query)).slice(0, URL_LIMIT);
}

/** An address that the page gave, made absolute; undefined where it is none that a person could open. */
export function absoluteUrl(given: unknown, base: string): string | undefined {
  if (typeof given !== "string" || !given) return undefined;
  try {
    const url = new URL(given, base).href;
    return /^https?:/.test(url) && url.length <= URL_LIMIT ? url : undefined;
  } catch {
    return undefined;
  }
}

/** Where in a site a page is: another one is another page. A fragment counts where it is an address ("#/cart"). */
export function spotOf(href: string): string {
  return pageUrl(href) + (/#[!/].*/.exec(href) || "");
}
