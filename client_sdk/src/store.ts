import { attempt } from "./attempt";
import { randomHex } from "./ids";
import { REFUSED } from "./permission";
import type { Item } from "./queue";
import type { Page } from "./wire";

const VISITOR_S = 400 * 86_400; // the longest that browsers keep a cookie

const KEPT = ["form", "cart", "back"]; // of the visitor, each with the moment it was said, ms
const KEPT_MS = 7 * 86_400_000;

const STORED = ["id", "key", "json"]; // of an item

/**
 * The only file that touches cookie and web storage. Each call works, or does nothing, where they are missing.
 *
 * Names in use, all written after permission only, but for the mark of a refusal: `choice`, `v` (the visitor's id), `q` (the
 * queue), `form` (the last form that was left unfinished: when, ms, a space, and its state as JSON), `cart` (see carts/),
 * `back` (see restore/). And `debug` where the site's engineer asked for the overlay (see debug/).
 */
export interface Store {
  read(name: string): string | null | undefined;
  /** Empty text removes. */
  write(name: string, value: string): void;
  readQueue(): Item[];
  writeQueue(items: Item[]): void;
  /** Remove what is too old, whatever is permitted: that is no capture. */
  age(): void;
  /** The visitor's id, or undefined where this browser has none. */
  knownVisitor(): string | undefined;
  /** The visitor's id, made and kept when there is none. Call it only after permission. */
  visitorId(): string;
  /**
   * Read the cookie anew, which another tab may have changed. Does it hold the mark of a refusal? That stays where localStorage
   * is missing, full or emptied.
   *
   * lost  what counts where there is no cookie: by default what we kept last, since browsers may keep none; "" where another tab
   *       may have removed it
   */
  recheck(lost?: ""): boolean;
  /** Remove the visitor's id and everything that is kept for the visitor. After a refusal its mark takes the id's place in the cookie. */
  forgetVisitor(refused: boolean): void;
}

export function makeStore(page: Page, site: string): Store {
  const keyOf = (name: string) => "modori_" + name + ":" + site;
  const read = (name: string) => attempt(() => page.localStorage.getItem(keyOf(name)));
  function write(name: string, value: string): void {
    attempt(() => page.localStorage[value ? "setItem" : "removeItem"](keyOf(name), value));
  }
  // What the cookie holds, or would hold where it may not be kept: each look at it waits for another process.
  let mark: string | null | undefined;
  const readCookie = () => attempt(() => /\bmodori_v=([\w-]+)/.exec(page.document.cookie)?.[1]);
  function keepVisitor(id: string, word = id): string {
    write("v", id); // the cookie may be another host's, and end before what is stored here
    if (mark === word) return id;
    attempt(() => {
      const labels = page.location.hostname.replace(/.*\d$/, "").split(".");
      // One visitor on all hosts of a site: the widest domain that the browser takes, which refuses what has many owners, as
      // "co.jp" has; at last without a domain. What is removed is removed under each.
      let at = labels.length - 1;
      do {
        const domain = at-- ? ";Domain=" + labels.slice(at).join(".") : "";
        const secure = /s:/.test(page.location.protocol) ? ";Secure" : "";
        page.document.cookie = "modori_v=" + word + ";Path=/;Max-Age=" + (word ? VISITOR_S : -1) + ";SameSite=Lax" + domain + secure;
      } while (at > -1 && readCookie() !== word);
    });
    mark = word;
    return id;
  }
  function age(least = page.Date.now() - KEPT_MS): void {
    KEPT.forEach((name) => Number(/\d{13}/.exec(read(name)!)) < least && write(name, ""));
  }
  const knownVisitor = () => /[\w-]{22,64}/.exec(mark + " " + read("v"))?.[0];

  return {
    read,
    write,
    readQueue: () => attempt(() => (JSON.parse(read("q") || "[]") as Item[]).filter(({ json }) => JSON.parse(json))) || [],
    writeQueue: (items) => write("q", items.length ? JSON.stringify(items, STORED) : ""),
    age,
    knownVisitor,
    visitorId: () => keepVisitor(knownVisitor() || randomHex(page)),
    recheck: (lost = mark) => (mark = readCookie() || lost) === REFUSED,
    forgetVisitor(refused) {
      keepVisitor("");
      if (refused) keepVisitor("", REFUSED);
      age(Infinity);
    },
  };
}
