import { utf8Bytes } from "./text";

export interface Keyed {
  /** A newer one with this key takes this one's place unless it is on its way; "" never. */
  key: string;
  sending?: boolean;
}

/** An event as it will be sent, word for word each time, so that its id never names two bodies. */
export interface Item extends Keyed {
  id: string;
  /** When it was made, ms since the epoch. */
  made: number;
  json: string;
}

export const BATCH_EVENTS = 50;
export const QUEUE_EVENTS = 100;

/** Put an item last: an unsent one of the same key goes, and of too many the oldest. */
export function enqueue<Kind extends Keyed>(queue: Kind[], item: Kind): Kind[] {
  const others = queue.filter((old) => !item.key || old.key !== item.key || old.sending);
  return [...others, item].slice(-QUEUE_EVENTS);
}

/** What this page and other tabs left in storage, one of each id, neither too old nor too many. */
export function mergeStored(stored: Item[], mine: Item[], notBefore: number): Item[] {
  const ids = mine.map((item) => item.id);
  return [...stored.filter((item) => !ids.includes(item.id) && item.made >= notBefore), ...mine].slice(-QUEUE_EVENTS);
}

/**
 * The first items that one request may carry.
 *
 * budget   bytes for the events, commas counted; an item larger than that is passed over
 */
export function takeBatch(items: Item[], budget: number): { batch: Item[]; bytes: number } {
  const batch: Item[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = utf8Bytes(item.json) + 1;
    if (batch.length < BATCH_EVENTS && bytes + size <= budget) {
      batch.push(item);
      bytes += size;
    }
  }
  return { batch, bytes };
}
