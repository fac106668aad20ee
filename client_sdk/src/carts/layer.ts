import { attempt } from "../attempt";
import type { Page } from "../wire";

/** What a page told Google's tags: gtag's command, its word, and its parameters. */
export type Said = readonly [command: unknown, word: any, parameters: any];

/** The words of GA4 that tell of a cart. */
export const ECOMMERCE = /^(view_(item|cart)|(add_to|remove_from)_cart|begin_checkout|add_\w+_info|purchase)$/;

const ENTRIES = 500; // read at one look, the newest

/**
 * Make a reader of the page's `dataLayer`: each call gives what is new since the one before.
 *
 * Looked at and never patched: other tags wrap its `push`, shorten it, and put another array in its place, or the old one
 * back. So what was read is known by itself, not by its number; where another array begins with copies of all that was
 * read, those tell nothing new.
 */
export function makeLayer(page: Page, name: string): () => Said[] {
  const heard = new WeakSet();
  let last: unknown; // the array at the last look, and what stood in it
  let seen: unknown[] = [];
  let ecommerce: unknown;

  return () => {
    const layer = (page as any)[name] as unknown;
    if (!Array.isArray(layer)) return [];
    const isCopy = () => JSON.stringify(layer.slice(0, seen.length)) === JSON.stringify(seen);
    const known = layer !== last && attempt(isCopy) ? seen.length : 0;
    last = layer;
    seen = [...layer];
    const fresh: any[] = layer.filter(
      (entry, at) => Object(entry) === entry && !heard.has(entry) && heard.add(entry) && at >= known,
    );
    return fresh.slice(-ENTRIES).map(
      (entry) =>
        attempt((): Said => {
          if (typeof entry[0] === "string") return [entry[0], entry[1], entry[2]];
          // Tag Manager's model: `ecommerce` stays until another takes its place, and null empties it.
          if ("ecommerce" in entry) ecommerce = entry.ecommerce;
          // Universal Analytics, as many old shops still tell of their orders.
          const { purchase, currencyCode: currency } = Object(entry.ecommerce);
          if (purchase) {
            const { id: transaction_id, revenue: value } = purchase.actionField;
            return ["event", "purchase", { transaction_id, currency, value, items: purchase.products }];
          }
          return ["event", entry.event, ecommerce || entry];
        }) || ([] as never), // its members throw
    );
  };
}
