import { enqueue, type Item, mergeStored, QUEUE_EVENTS, takeBatch, without } from "./queue";
import { mayRetry, retryWaitMs } from "./retry";
import type { Store } from "./store";
import type { Ask } from "./transport";
import type { Page } from "./wire";

/**
 * Brings events to the server: one request at a time, and all that is left when the page goes.
 *
 * What has not arrived when a page goes lies in storage until some page has brought it home: two tabs may send it, and its id
 * makes that one. The envelope's `sent_at` is by the same clock as the events' `at`, so that the server sees
 * how wrong this clock is.
 */
export interface Delivery {
  add(item: Item): void;
  /** Take up what earlier pages could not bring home. */
  resume(): void;
  flush(): void;
  /** The network is back: try again at once, unless the server itself asked to wait. */
  retry(): void;
  flushOnHide(): void;
  /** Forget what was not sent, here and in storage, but for withdrawn consents. */
  forget(): void;
  health(): { queued: number; dropped: number };
}

declare const SDK_VERSION: string;

// Chromium allows 64 KiB of keepalive bodies at a time: an ordinary request leaves room for the page-hide one. What it
// refuses all the same stays in storage.
const ENVELOPE_BYTES = 256;
const BATCH_BYTES = 15 * 1024 - ENVELOPE_BYTES;
const HIDE_BYTES = 48 * 1024 - ENVELOPE_BYTES;

export function makeDelivery(page: Page, ask: Ask, store: Store, site: string): Delivery {
  const now = () => page.Date.now();
  let items: Item[] = [];
  let parked: Item[] = []; // those of ours that lie in storage
  let onTheWay = false; // an ordinary request
  let failures = 0;
  let dropped = 0;
  let notBefore = 0; // nothing goes before this instant, ms
  let askedToWait = false;

  function body(batch: Item[]): string {
    return `{"site":"${site}","sdk":"${SDK_VERSION}","sent_at":"${new Date(now()).toISOString()}","events":[${batch.map(({ json }) => json)}]}`;
  }

  const unsent = () => items.filter((item) => !item.sending);

  /** Leave in storage what has not arrived. */
  function park(): void {
    store.writeQueue(mergeStored(without(store.readQueue(), parked), items));
    parked = items;
  }

  async function send(batch: Item[]): Promise<void> {
    batch.forEach((item) => (item.sending = true));
    const { status, retryAfterS, text } = await ask("events", {
      method: "POST",
      body: body(batch), // text goes as text/plain, without a preflight: a closing page would not live to see that answered
      keepalive: true, // outlives the page
    });
    askedToWait = false;
    if (mayRetry(status)) {
      askedToWait = retryAfterS > 0;
      batch.forEach((item) => (item.sending = false));
      const waitMs = retryWaitMs(++failures, retryAfterS, Math.random());
      notBefore = now() + waitMs;
      page.setTimeout(flush, waitMs + 1); // timers count whole milliseconds
    } else {
      failures = notBefore = 0;
      dropped += status < 300 ? text.split('"code"').length - 1 : batch.length;
      items = without(items, batch);
      if (parked[0]) park();
    }
  }

  function flush(): void {
    if (onTheWay || now() < notBefore) return;
    const batch = takeBatch(unsent(), BATCH_BYTES);
    if (batch[0]) {
      onTheWay = true;
      void send(batch).then(() => {
        onTheWay = false;
        flush();
      });
    }
  }

  return {
    flush,
    retry() {
      if (!askedToWait) notBefore = 0;
      flush();
    },
    add(item) {
      if (items.length === QUEUE_EVENTS) dropped++;
      items = enqueue(items, item);
    },
    resume() {
      parked = items = mergeStored(store.readQueue(), items);
    },
    flushOnHide() {
      park();
      if (askedToWait && now() < notBefore) return;
      const batch = takeBatch(unsent().reverse(), HIDE_BYTES);
      if (batch[0]) void send(batch.reverse());
    },
    forget() {
      // Another tab's withdrawals are that tab's to send, or the next page's.
      const heldBack = (some: Item[]) => some.filter(({ key }) => /^consent/.test(key));
      store.writeQueue(heldBack(store.readQueue()));
      items = heldBack(items);
      park();
    },
    health: () => ({ queued: items.length, dropped }),
  };
}
