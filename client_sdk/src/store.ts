import { randomHex } from "./ids";
import type { Item } from "./queue";
import type { Page } from "./wire";

const VISITOR = "modori_v";
const VISITOR_S = 400 * 86_400; // the longest that browsers keep a cookie

const STORED = ["id", "key", "made", "json"]; // of an item

/** The only file that touches cookie and localStorage. Each call works, or does nothing, where they are missing. */
export interface Store {
  read(name: string): string | null;
  /** Empty text removes. */
  write(name: string, value: string): void;
  readQueue(): Item[];
  writeQueue(items: Item[]): void;
  /** The visitor's id, made and kept when there is none. Call it only after permission. */
  visitor(): string;
  forgetVisitor(): void;
}

export function makeStore(page: Page, site: string): Store {
  let current = "";

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
  const readCookie = () => attempt(() => (/\bmodori_v=([^;]*)/.exec(page.document.cookie) as string[])[1]);
  function keepVisitor(id: string, seconds: number): void {
    const secure = page.location.protocol === "https:" ? ";Secure" : "";
    attempt(() => (page.document.cookie = `${VISITOR}=${id};Path=/;Max-Age=${seconds};SameSite=Lax${secure}`));
    write(VISITOR, id);
    current = id;
  }

  return {
    read,
    write,
    readQueue: () => attempt(() => (JSON.parse(read("q") as string) as Item[]).filter((item) => item.json)) || [],
    writeQueue: (items) => write("q", items.length ? JSON.stringify(items, STORED) : ""),
    visitor() {
      if (!current) {
        const known = [readCookie(), read(VISITOR)].find((id) => /^[\w-]{22,64}$/.test(id || ""));
        keepVisitor(known || randomHex(page), VISITOR_S);
      }
      return current;
    },
    forgetVisitor: () => keepVisitor("", -1),
  };
}
