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
 * left unfinished: when, ms, a space, and its state as JSON), `cart` (see carts/), `back` (see restore/).
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
  /** Does the site's engineer watch this tab? The debug part says so. */
  debugging(): unknown;
}

export function makeStore(page: Page, site: string): Store {
  let current = ""; // reading a cookie waits for another process

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
  const readCookie = () => attempt(() => (/\bmodori_v=([^;]*)/.exec(page.document.cookie) as string[])[1] as string);
  function keepVisitor(id: string, seconds: number): void {
    const secure = page.location.protocol === "https:" ? ";Secure" : "";
    attempt(() => (page.document.cookie = `${VISITOR}=${id};Path=/;Max-Age=${seconds};SameSite=Lax${secure}`));
    write(VISITOR, id);
    current = id;
  }
  const knownVisitor = () =>
    [readCookie(), read(VISITOR), current].find((id): id is string => /^[\w-]{22,64}$/.test(id || ""));

  // What is too old goes whatever is permitted: removing is no capture.
  const oldest = page.Date.now() - KEPT_MS;
  for (const name of KEPT) if (parseInt(/\d{13}/.exec(read(name) as any) as any) < oldest) write(name, "");

  return {
    debugging: () => attempt(() => page.sessionStorage.getItem("modori_debug")),
    read,
    write,
    readQueue: () => attempt(() => (JSON.parse(read("q") as string) as Item[]).filter(({ json }) => JSON.parse(json))) || [],
    writeQueue: (items) => write("q", items.length ? JSON.stringify(items, STORED) : ""),
    knownVisitor,
    visitor() {
      if (!current) keepVisitor(knownVisitor() || randomHex(page), VISITOR_S);
      return current;
    },
    recheck: () => (current = ""),
    forgetVisitor() {
      keepVisitor("", -1);
      for (const name of KEPT) write(name, "");
    },
  };
}
