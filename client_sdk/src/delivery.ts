import { enqueue, type Item, mergeStored, takeBatch } from "./queue";
import { mayRetry, retryWaitMs } from "./retry";
import type { Store } from "./store";
import { utf8Bytes } from "./text";
import type { Transport } from "./transport";
import type { Page } from "./wire";

/** Brings events to the server: one request at a time, and all that is left when the page goes. */
export interface Delivery {
  add(item: Item): void;
  /** Take up what earlier pages could not bring home. */
  resume(): void;
  flush(): void;
  flushOnHide(): void;
  /** Forget what was not sent, but for what `keep` names. */
  forget(keep: (item: Item) => boolean): void;
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
  const everStored = new Set<string>();
  let onTheWay = false; // an ordinary request
  let hideBytes = 0;
  let failures = 0;
  let notBefore = 0; // nothing goes before this instant, ms
  let askedToWait = false;

  function body(batch: Item[]): string {
    const envelope = { site, sdk: SDK_VERSION, sent_at: new Date(now()).toISOString() };
    return JSON.stringify(envelope).slice(0, -1) + `,"events":[${batch.map((item) => item.json).join()}]}`;
  }
  const envelopeBytes = utf8Bytes(body([]));

  function persist(): void {
    const others = store.readQueue().filter((item) => !everStored.has(item.id));
    items.forEach((item) => everStored.add(item.id));
    store.writeQueue(mergeStored(others, items, now() - KEPT_MS));
  }

  async function send(batch: Item[], keepalive: boolean, after: () => void): Promise<void> {
    batch.forEach((item) => (item.sending = true));
    const { status, retryAfterS } = await transport.post(body(batch), keepalive);
    const again = mayRetry(status);
    askedToWait = again && retryAfterS > 0;
    if (again) {
      batch.forEach((item) => (item.sending = false));
      const waitMs = Math.ceil(retryWaitMs(++failures, retryAfterS, Math.random()));
      notBefore = now() + waitMs;
      page.setTimeout(flush, waitMs);
    } else {
      failures = notBefore = 0;
      items = items.filter((item) => !batch.includes(item));
    }
    if (again || batch.some((item) => everStored.has(item.id))) persist();
    after();
  }

  function flush(): void {
    const waiting = items.filter((item) => !item.sending);
    if (onTheWay || !waiting.length || now() < notBefore) return;
    let { batch } = takeBatch(waiting, KEEPALIVE_BYTES - envelopeBytes);
    const keepalive = batch.length > 0;
    if (!keepalive) batch = waiting.slice(0, 1);
    onTheWay = true;
    void send(batch, keepalive, () => {
      onTheWay = false;
      flush();
    });
  }

  return {
    flush,
    health: () => ({ queued: items.length, dropped: 0 }),
    add(item) {
      items = enqueue(items, item);
    },
    resume() {
      items = mergeStored(store.readQueue(), items, now() - KEPT_MS);
      items.forEach((item) => everStored.add(item.id));
    },
    flushOnHide() {
      persist();
      if (askedToWait && now() < notBefore) return;
      for (;;) {
        const newestFirst = items.filter((item) => !item.sending).reverse();
        const { batch, bytes } = takeBatch(newestFirst, HIDE_BYTES - hideBytes - envelopeBytes);
        if (!batch.length) return;
        const size = bytes + envelopeBytes;
        hideBytes += size;
        void send(batch, true, () => {
          hideBytes -= size;
        });
      }
    },
    forget(keep) {
      store.writeQueue([]);
      items = items.filter(keep);
      persist();
    },
  };
}
