import { enqueue, type Item, mergeStored, QUEUE_EVENTS, takeBatch, without } from "./queue";
import { mayRetry, retryWaitMs } from "./retry";
import type { Store } from "./store";
import { utf8Bytes } from "./text";
import type { Transport } from "./transport";
import type { Page } from "./wire";

/**
 * Brings events to the server: one request at a time, and all that is left when the page goes.
 *
 * What waits long, and what a closing page sends, lies in storage too, where the first page that looks takes it: out of
 * two tabs only one sends it. The envelope's `sent_at` is by the same clock as the events' `at`, so that the server sees
 * how wrong this clock is.
 */
export interface Delivery {
  add(item: Item): void;
  /** Take up what earlier pages could not bring home. */
  resume(): void;
  flush(): void;
  flushOnHide(): void;
  /** Forget what was not sent, here and in storage, but for the keys that `kept` matches. */
  forget(kept: RegExp): void;
  health(): { queued: number; dropped: number };
}

declare const SDK_VERSION: string;

// Chromium allows 64 KiB of keepalive bodies at a time. One ordinary request and the page-hide ones share it.
const KEEPALIVE_BYTES = 15 * 1024;
const HIDE_BYTES = 48 * 1024;
const KEPT_MS = 3 * 86_400_000;

export function makeDelivery(page: Page, transport: Transport, store: Store, site: string): Delivery {
  const now = () => page.Date.now();
  let items: Item[] = [];
  let parked: Item[] = []; // those of ours that lie in storage
  let onTheWay = false; // an ordinary request
  let hideBytes = 0;
  let failures = 0;
  let dropped = 0;
  let notBefore = 0; // nothing goes before this instant, ms
  let askedToWait = false;

  function body(batch: Item[]): string {
    const envelope = { site, sdk: SDK_VERSION, sent_at: new Date(now()).toISOString() };
    return JSON.stringify(envelope).slice(0, -1) + `,"events":[${batch.map((item) => item.json).join()}]}`;
  }
  const envelopeBytes = utf8Bytes(body([]));

  const unsent = () => items.filter((item) => !item.sending);

  function park(): void {
    const others = without(store.readQueue(), parked);
    store.writeQueue(mergeStored(others, items, now() - KEPT_MS));
    parked = items.filter(({ id }) => store.readQueue().some((stored) => stored.id === id));
  }

  /** Take ours out of storage, but for what is on its way. What has gone from there is another page's to send. */
  function reclaim(): void {
    const mine = parked.filter((item) => !item.sending);
    if (!mine.length) return;
    const stored = store.readQueue();
    items = without(items, without(mine, stored));
    parked = without(parked, mine);
    store.writeQueue(without(stored, mine));
  }

  async function send(batch: Item[], keepalive: boolean, after: () => void): Promise<void> {
    batch.forEach((item) => (item.sending = true));
    const { status, retryAfterS, text } = await transport.post(body(batch), keepalive);
    const again = mayRetry(status);
    askedToWait = again && retryAfterS > 0;
    if (again) {
      batch.forEach((item) => (item.sending = false));
      const waitMs = Math.ceil(retryWaitMs(++failures, retryAfterS, Math.random()));
      notBefore = now() + waitMs;
      page.setTimeout(flush, waitMs);
      park();
    } else {
      failures = notBefore = 0;
      dropped += status < 300 ? text.split('"code"').length - 1 : batch.length;
      items = without(items, batch);
      if (parked.length) park();
    }
    after();
  }

  function flush(): void {
    if (onTheWay || now() < notBefore || !unsent().length) return;
    reclaim();
    const waiting = unsent();
    let { batch } = takeBatch(waiting, KEEPALIVE_BYTES - envelopeBytes);
    const keepalive = batch.length > 0;
    if (!keepalive) batch = waiting.slice(0, 1);
    onTheWay = batch.length > 0;
    if (onTheWay) void send(batch, keepalive, () => {
      onTheWay = false;
      flush();
    });
  }

  return {
    flush,
    add(item) {
      if (items.length === QUEUE_EVENTS) dropped++;
      items = enqueue(items, item);
    },
    resume() {
      const stored = store.readQueue();
      store.writeQueue([]);
      const both = stored.length + items.length;
      items = mergeStored(stored, items, now() - KEPT_MS);
      dropped += both - items.length;
    },
    flushOnHide() {
      park();
      if (askedToWait && now() < notBefore) return;
      for (;;) {
        const { batch, bytes } = takeBatch(unsent().reverse(), HIDE_BYTES - hideBytes - envelopeBytes);
        if (!batch.length) return;
        const size = bytes + envelopeBytes;
        hideBytes += size;
        void send(batch, true, () => {
          hideBytes -= size;
        });
      }
    },
    forget(kept) {
      store.writeQueue([]);
      parked = [];
      items = items.filter(({ key }) => kept.test(key));
      park();
    },
    health: () => ({ queued: items.length, dropped }),
  };
}
