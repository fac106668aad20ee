import { utf8Bytes } from "./text";

export interface Keyed {
  /** A newer one with this key takes this one's place unless it is on its way; "" never. */
  key: string;
  sending?: boolean;
}

/** An event as it will be sent, word for word each time, so that its id never names two bodies. */
export interface Item extends Keyed {
  id: string;
  json: string;
}

export const BATCH_EVENTS = 50;
export const QUEUE_EVENTS = 100;

/** Put an item last: an unsent one of the same key goes, and of too many the oldest. */
export function enqueue<Kind extends Keyed>(queue: Kind[], item: Kind): Kind[] {
  return [...queue.filter((old) => !item.key || old.key !== item.key || old.sending), item].slice(-QUEUE_EVENTS);
}

/** What this page and other tabs left in storage, one of each id, and not too many. */
export function mergeStored(stored: Item[], mine: Item[]): Item[] {
  return [...without(stored, mine), ...mine].slice(-QUEUE_EVENTS);
}

/** Those whose ids are not among the others'. */
export function without(items: Item[], others: Item[]): Item[] {
  return items.filter(({ id }) => !others.some((other) => other.id === id));
}

/**
 * The first items that one request may carry.
 *
 * budget  bytes for the events, commas counted; the first goes whatever its size
 */
export function takeBatch(items: Item[], budget: number): Item[] {
  let bytes = 0;
  return items.filter(({ json }, at) => {
    const size = utf8Bytes(json) + 1;
    return (!at || bytes + size <= budget) && at < BATCH_EVENTS && (bytes += size);
  });
}
