import { randomHex } from "./ids";
import type { Item } from "./queue";
import type { Page } from "./wire";

const VISITOR = "modori_v";
const VISITOR_S = 400 * 86_400; // the longest that browsers keep a cookie

const KEPT = ["form", "cart", "back"]; // of the visitor, each with the moment it was said, ms
const KEPT_MS = 7 * 86_400_000;

const STORED = ["id", "key", "json"]; // of an item

/**
 * The only file that touches cookie and web storage. Each call works, or does nothing, where they are missing.
 *
 * Names in use, all written after permission only: `choice`, `q` (the queue), `form` (the last form that was
 * left unfinished: when, ms, a space, and its state as JSON), `cart` (see carts/), `back` (see restore/). And `debug` where
 * the site's engineer asked for the overlay (see debug/).
 */
export interface Store {
  read(name: string): string | null;
  /** Empty text removes. */
  write(name: string, value: string): void;
  readQueue(): Item[];
  writeQueue(items: Item[]): void;
  /** The visitor's id, or undefined where this browser has none. */
  knownVisitor(): string | undefined;
  /** The visitor's id, made and kept when there is none. Call it only after permission. */
  visitor(): string;
  /** Another tab may have made or forgotten the id: read it anew. */
  recheck(): void;
  /** Remove the visitor's id and everything that is kept for the visitor. */
  forgetVisitor(): void;
}

export function makeStore(page: Page, site: string): Store {
  let current: string | undefined; // reading a cookie waits for another process

  function attempt<T>(work: () => T): T | null {
    try {
      return work();
    } catch {
      return null;
    }
  }
  const keyOf = (name: string) => (name === VISITOR ? name : "modori_" + name + ":" + site);
  const read = (name: string) => attempt(() => page.localStorage.getItem(keyOf(name)));
  function write(name: string, value: string): void {
    attempt(() => (value ? page.localStorage.setItem(keyOf(name), value) : page.localStorage.removeItem(keyOf(name))));
  }
  const readCookie = () => attempt(() => /\bmodori_v=([^;]*)/.exec(page.document.cookie)?.[1]);
  function keepVisitor(id: string, seconds: number): void {
    const secure = page.location.protocol === "https:" ? ";Secure" : "";
    attempt(() => (page.document.cookie = `${VISITOR}=${id};Path=/;Max-Age=${seconds};SameSite=Lax${secure}`));
    write(VISITOR, id);
    current = id;
  }
  let inCookie: string | null | undefined;
  const knownVisitor = () =>
    (current ||= [(inCookie = readCookie()), read(VISITOR)].find((id): id is string => /^[\w-]{22,64}$/.test(id || "")));

  // What is too old goes whatever is permitted: removing is no capture.
  for (const name of KEPT) if (Number(/\d{13}/.exec(read(name)!)) < page.Date.now() - KEPT_MS) write(name, "");

  return {
    read,
    write,
    readQueue: () => attempt(() => (JSON.parse(read("q") || "[]") as Item[]).filter(({ json }) => JSON.parse(json))) || [],
    writeQueue: (items) => write("q", items.length ? JSON.stringify(items, STORED) : ""),
    knownVisitor,
    visitor() {
      const id = knownVisitor() || randomHex(page);
      if (id !== inCookie) keepVisitor((inCookie = id), VISITOR_S);
      return id;
    },
    recheck: () => (current = ""),
    forgetVisitor() {
      keepVisitor("", -1);
      for (const name of KEPT) write(name, "");
    },
  };
}
