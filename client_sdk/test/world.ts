/** A pretended page: happy-dom's document, a clock that tests move, and a network that tests answer. */
import { Window as DomWindow } from "happy-dom";
import { startCarts } from "../src/carts";
import { startForms } from "../src/forms/index";
import { startMore } from "../src/more";
import type { Parts } from "../src/parts";
import { start } from "../src/start";
import type { Page, WireEvent } from "../src/wire";

export const HOST = "https://modori.example";
export const SITE = "pk_test";
const BEGAN_AT = Date.UTC(2026, 10, 21, 9, 0, 0);

export interface Request {
  path: string;
  init: RequestInit;
  body: string;
}

export type Answer = { status: number; retryAfter?: string; json?: unknown } | "unreachable" | "hangs";

export interface Envelope {
  site: string;
  sdk: string;
  sent_at: string;
  events: (WireEvent & { data: Record<string, any> })[];
}

interface Timer {
  due: number;
  every: number | null;
  work: () => void;
}

export interface Options {
  url?: string;
  config?: object | "unreachable" | "missing" | "busy";
  html?: string;
  tag?: string;
  /** What an earlier page of the same browser left. */
  after?: World;
  /** Change the window before the script starts. */
  before?: (page: any) => void;
}

export class World {
  readonly page: Page;
  readonly posts: Request[] = [];
  readonly asked: string[] = [];
  readonly printed: unknown[][] = [];
  answers: (request: Request) => Answer = () => ({ status: 202 });
  /** What restore links lead back to. */
  restores: (path: string, init: RequestInit) => Answer = () => ({ status: 204 });
  now: number;
  /** The late parts that this page's network brings; the others fail to load. */
  parts: Partial<Parts> = { forms: startForms, carts: startCarts, more: startMore };
  /** The script elements that the SDK put into the page. */
  readonly scripts: HTMLScriptElement[] = [];
  private timers: Timer[] = [];
  private visible = true;

  /** What the config route answers; a test may change it. */
  config: NonNullable<Options["config"]>;

  constructor(options: Options = {}) {
    this.config = options.config ?? { mode: "notice", notice_selector: "body", origins: ["https://shop.example"], heartbeat_s: 15 };
    const dom = new DomWindow({ url: options.url ?? "https://shop.example/cart" });
    const page = dom as unknown as Page;
    this.page = page;
    this.now = options.after ? options.after.now + 1000 : BEGAN_AT;
    const world = this;
    const put = (target: object, name: string, value: unknown) =>
      Object.defineProperty(target, name, { value, configurable: true, writable: true });
    put(page, "fetch", (url: string, init: RequestInit) => world.fetch(url, init));
    put(page, "setTimeout", (work: () => void, ms = 0) => world.setTimer(work, ms, null));
    put(page, "setInterval", (work: () => void, ms = 0) => world.setTimer(work, ms, ms));
    put(page, "requestIdleCallback", (work: () => void) => Promise.resolve().then(work));
    put(page, "AbortSignal", { timeout: (ms: number) => world.abortAfter(ms) });
    put(page, "clearTimeout", (timer: Timer) => world.timers.splice(world.timers.indexOf(timer), 1));
    put(page, "Date", class extends Date { static now = () => world.now; });
    put(page, "console", { debug: (...args: unknown[]) => world.printed.push(args) });
    Object.defineProperty(page.document, "hidden", { get: () => !world.visible });
    page.document.title = "カート";
    page.document.body.innerHTML =
      "入力中の内容をお預かりします。" +
      (options.tag ?? `<script async src="${HOST}/sdk/v1/modori.js" data-site="${SITE}"></script>`) +
      (options.html ?? "");
    if (options.after) {
      const left = options.after.page;
      Object.entries(options.after.stored()).forEach(([key, value]) => page.localStorage.setItem(key, value));
      left.document.cookie.split("; ").filter(Boolean).forEach((cookie) => (page.document.cookie = cookie + ";Path=/"));
    }
    options.before?.(page);
  }

  /** The page's first line of the tag: a queue until the script has loaded. */
  stub(): void {
    const page = this.page as any;
    page.modori = page.modori || ((...args: unknown[]) => (page.modori.q = page.modori.q || []).push(args));
  }

  async start(): Promise<this> {
    start(this.page);
    await this.settle();
    return this;
  }

  /** Somebody comes to the first field, and the part for forms with them. */
  async visit(): Promise<void> {
    const field = this.page.document.querySelector("input,textarea");
    if (field) this.fire(field, "focusin");
    await this.settle();
  }

  say(command: string, value?: unknown): void {
    (this.page as any).modori(command, value);
  }

  /** Type a value into the field that a selector names, as a person would. */
  type(selector: string, value: string): void {
    const field = this.page.document.querySelector(selector) as HTMLInputElement;
    field.value = value;
    this.fire(field, "input");
  }

  fire(target: EventTarget, type: string): void {
    target.dispatchEvent(new this.page.Event(type, { bubbles: true }));
  }

  element(selector: string): HTMLElement {
    return this.page.document.querySelector(selector) as HTMLElement;
  }

  setVisible(visible: boolean): void {
    this.visible = visible;
    this.fire(this.page.document, "visibilitychange");
  }

  /** The page goes away: what browsers fire when a tab is closed. */
  async close(): Promise<void> {
    this.fire(this.page, "pagehide");
    this.setVisible(false);
    await this.settle();
  }

  async advance(ms: number): Promise<void> {
    const until = this.now + ms;
    for (;;) {
      const next = this.timers.filter((timer) => timer.due <= until).sort((a, b) => a.due - b.due)[0];
      if (!next) break;
      this.now = Math.max(this.now, next.due);
      if (next.every === null) this.timers.splice(this.timers.indexOf(next), 1);
      else next.due += next.every;
      next.work();
      await this.settle();
    }
    this.now = until;
    await this.settle();
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      this.runScripts();
    }
  }

  /** What a browser does with the script elements that the SDK put into the page. */
  private runScripts(): void {
    this.page.document.querySelectorAll<HTMLScriptElement>("script[integrity]").forEach((script) => {
      if (this.scripts.includes(script)) return;
      this.scripts.push(script);
      const name = /(\w+)\.js\?/.exec(script.src)![1] as keyof Parts;
      const part = this.parts[name];
      if (part) (this.page as any).modori.part(name, part);
      this.fire(script, part ? "load" : "error");
    });
  }

  envelopes(): Envelope[] {
    return this.posts.map((request) => JSON.parse(request.body) as Envelope);
  }

  /** Every event sent, repeats included. */
  events(type?: string): Envelope["events"] {
    const all = this.envelopes().flatMap((envelope) => envelope.events);
    return type ? all.filter((event) => event.type === type) : all;
  }

  stored(): Record<string, string> {
    const storage = this.page.localStorage;
    const keys = Array.from({ length: storage.length }, (_, i) => storage.key(i) as string);
    return Object.fromEntries(keys.map((key) => [key, storage.getItem(key) as string]));
  }

  private abortAfter(ms: number): AbortSignal {
    const abort = new AbortController();
    this.setTimer(() => abort.abort(), ms, null);
    return abort.signal;
  }

  private setTimer(work: () => void, ms: number, every: number | null): Timer {
    const timer = { due: this.now + ms, every, work };
    this.timers.push(timer);
    return timer;
  }

  private async fetch(url: string, init: RequestInit): Promise<unknown> {
    if (!url.startsWith(HOST)) throw new Error("a request to somewhere else: " + url);
    const path = url.slice(HOST.length);
    if (path === "/v1/events") {
      const request = { path, init, body: String(init.body) };
      this.posts.push(request);
      return respond(this.answers(request), init.signal);
    }
    this.asked.push(path);
    if (path.startsWith("/v1/restore/")) return respond(this.restores(path, init), init.signal);
    const config = this.config;
    if (config === "unreachable") return respond(config, init.signal);
    if (config === "busy") return respond({ status: 503, json: { code: "busy" } }, init.signal);
    return respond(config === "missing" ? { status: 404 } : { status: 200, json: config }, init.signal);
  }
}

/** A cart with a teapot in it. */
export const cart = { currency: "JPY", value: 4980, items: [{ id: "P-1", name: "急須", price: 4980 }] };
export const AFTER_CONSENT = { mode: "after-consent", notice_selector: "body" };
export const FORM = `<form><input id="email" type="email" autocomplete="email"></form>`;

/** A page with the tag on it; where it has FORM, somebody is at its field. */
export async function open(options: Options = {}): Promise<World> {
  const world = await new World(options).start();
  if (options.html === FORM) await world.visit();
  return world;
}

/** gtag as every page has it. */
export function gtag(world: World, ...said: unknown[]): void {
  const page = world.page as any;
  page.dataLayer = page.dataLayer || [];
  (function (..._: unknown[]) {
    page.dataLayer.push(arguments);
  })(...said);
}

/** What Google's Consent Mode is told where advertising is permitted, or is not. */
export const granted = (yes: boolean) => ({ ad_storage: yes ? "granted" : "denied", ad_user_data: yes ? "granted" : "denied" });

function respond(answer: Answer, signal: AbortSignal | null | undefined): Promise<unknown> {
  if (answer === "unreachable") return Promise.reject(new TypeError("Failed to fetch"));
  if (answer === "hangs") {
    return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(new Error("aborted"))));
  }
  const { status, retryAfter, json } = answer;
  return Promise.resolve({
    status,
    ok: status >= 200 && status < 300,
    headers: { get: (name: string) => (name === "Retry-After" && retryAfter) || null },
    text: () => Promise.resolve(JSON.stringify(json ?? {})),
  });
}
