import type { Core } from "../parts";

/** The link that a person came back by, kept for the pages that follow the one it opened. */
export interface Return {
  token: string;
  coupon: string;
  /** When it was opened, ms. */
  at: number;
}

const KEPT_MS = 86_400_000;
const TOKEN = /^[\w-]{22}$/;
const COUPON = /^[\w.-]{1,64}$/;

/** Read the link from the address, or from what an earlier page kept; null where there is none (any more). */
export function findReturn(core: Core): Return | null {
  const { page, store } = core;
  const said = new URLSearchParams(page.location.search);
  const now = page.Date.now();
  const token = said.get("modori_t") || "";
  const coupon = said.get("modori_coupon") || "";
  let found: Return | null = null;
  if (TOKEN.test(token)) {
    found = { token, coupon: COUPON.test(coupon) ? coupon : "", at: now };
  } else {
    try {
      found = JSON.parse(store.read("back")!) as Return;
    } catch {
      // Nothing was kept.
    }
  }
  const holds = found && TOKEN.test(found.token) && now - found.at < KEPT_MS;
  store.write("back", holds ? JSON.stringify(found) : "");
  return holds ? found : null;
}

/**
 * Take the link's token out of the address bar, from where other tags and copied links would carry it on. The router's
 * state stays. Not before the page's own event has told the token, and none is made of a page that nobody sees.
 */
export function tidyAddress(core: Core): void {
  const { document, history, location } = core.page;
  if (document.hidden) {
    document.addEventListener("visibilitychange", core.safely(() => tidyAddress(core)), { once: true });
    return;
  }
  core.collect();
  const { origin, pathname, search, hash } = location;
  const kept = search.slice(1).split("&").filter((part) => !/^modori_t=/.test(part)).join("&");
  if (/\bmodori_t=/.test(search)) history.replaceState(history.state, "", origin + pathname + (kept && "?" + kept) + hash);
}
