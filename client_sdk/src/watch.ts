import { reportOf, type Report } from "./commands";
import { CONFIG_MAX_AGE_MS, parseConfig } from "./config";
import { makeDelivery } from "./delivery";
import { uuid } from "./ids";
import { choose, isRefused, mayCapture, parseChoice } from "./permission";
import { enqueue } from "./queue";
import { mayRetry } from "./retry";
import { ECOMMERCE, makeLayer, shimOf } from "./carts/layer";
import { makeLoader } from "./loader";
import type { Core, PartName, Parts } from "./parts";
import type { Safely } from "./safely";
import { makeStore } from "./store";
import { clip, utf8Bytes } from "./text";
import { makeTransport } from "./transport";
import { pageUrl } from "./url";
import type { Page, PageAddress, WireEvent } from "./wire";

declare const SDK_VERSION: string;

const SOON_MS = 1000;
const EVENT_BYTES = 40 * 1024; // one event fits a page-hide flush
const CONFIG_TRIES = 4;
const CONFIG_RETRY_MS = 5000;
const TITLE_LIMIT = 300;
const FIELD = "input,select,textarea";

/** A report with the moment and the page that it is about. Waits in memory for permission. */
interface Dated extends Report {
  at: number;
  on: PageAddress;
}

/** Join the page's signals, the visitor's permission and the delivery. Everything that the page calls is `safely`. */
export function watch(page: Page, tag: HTMLScriptElement, safely: Safely, said: { errors: number }): void {
  const { document } = page;
  const site = tag.getAttribute("data-site") as string;
  const host = new URL(tag.src).origin;
  const store = makeStore(page, site);
  const transport = makeTransport(page, host, site);
  const delivery = makeDelivery(page, transport, store, site);
  const load = makeLoader(page, tag, host);
  const listen = makeLayer(page, tag.getAttribute("data-layer") || "dataLayer");
  const now = () => page.Date.now();

  const commands: ArrayLike<unknown>[] = []; // given before the config was known
  let ready = false; // the config is known
  let config = parseConfig("");
  let configText = "";
  let choice = parseChoice("");
  let held: Dated[] = [];
  let began = false; // capture was permitted once on this page
  let pageSeen = ""; // the address of the last page event
  let pageSeenAt = 0;
  let soonTimer = false;

  function noticeInPage(): boolean {
    try {
      return !!document.querySelector(config.noticeSelector);
    } catch {
      return false; // empty, or no selector at all
    }
  }
  const permitted = () => mayCapture(config, choice, noticeInPage);
  const visible = () => document.visibilityState !== "hidden";
  const dated = (report: Report, at: number): Dated => {
    return { ...report, at, on: { url: pageUrl(page.location.href), title: clip(document.title, TITLE_LIMIT) } };
  };

  /** Give a report its id and visitor and put it in the queue. */
  function emit({ type, data, key, at, on }: Dated): void {
    const id = uuid(page);
    const visitor = store.visitor();
    const event: WireEvent = { id, type, at: new Date(at).toISOString(), visitor, page: on, data };
    let json = JSON.stringify(event);
    const items = data.items as unknown[] | undefined;
    while (utf8Bytes(json) > EVENT_BYTES && items && items.length) {
      items.length >>= 1;
      json = JSON.stringify(event);
    }
    delivery.add({ id, key, made: at, json });
    core.told?.(event);
  }

  function emitPage(): void {
    if (!visible()) return;
    pageSeenAt = now();
    const seen = dated({ type: "page", data: {}, key: "" }, pageSeenAt);
    pageSeen = seen.on.url;
    emit({ ...seen, key: "page " + pageSeen });
  }

  /** Where capture is permitted, turn all that waits into events. */
  function collect(): void {
    if (ready && config.mode === "off") {
      held = [];
      core.forms?.clear();
    }
    if (!permitted()) return;
    if (document.querySelector(FIELD)) load("forms");
    if (listen().some(([, word]) => ECOMMERCE.test(word as string)) || shimOf(page)) load("carts");
    core.carts?.look();
    if (!began) {
      if (store.read("back") || /[?&]modori_t=/.test(page.location.search)) load("restore");
      began = true;
      store.write("config", configText);
      delivery.resume();
    }
    if (pageSeen !== pageUrl(page.location.href)) emitPage();
    held.splice(0).forEach(emit);
    core.forms?.changes().forEach(({ state, at }) => {
      emit(dated({ type: "form", data: { ...state }, key: state.submitted ? "" : "form " + state.form }, at));
    });
  }

  function soon(): void {
    if (soonTimer) return;
    soonTimer = true;
    const work = () => {
      soonTimer = false;
      collect();
      delivery.flush();
    };
    page.setTimeout(safely(work), SOON_MS);
  }

  function report(said: Report): void {
    held = enqueue(held, dated(said, now()));
    collect();
    soon();
  }

  function consent(said: Report): void {
    const channel = said.data.channel as string;
    const capture = channel === "capture";
    const granted = !!said.data.granted;
    const before = permitted();
    // A withdrawal goes out by the permission that it ends, a grant by the one that it gives.
    if (!granted && !capture) report(said);
    choice = choose(choice, channel, granted);
    if (before && !permitted()) {
      held = [];
      core.forms?.clear();
      delivery.forget((item) => /^consent/.test(item.key));
    }
    if (isRefused(choice)) store.forgetVisitor();
    if (before || permitted() || config.mode === "notice") store.write("choice", choice.join(" "));
    if (granted && !capture) report(said);
    collect();
    soon();
  }

  const handle = safely((command: ArrayLike<unknown>) => {
    if (!ready) {
      commands.push(command);
    } else if (config.mode !== "off") {
      const said = core.read(command[0] as string, command[1]);
      if (!said) throw Error("unknown: " + command[0]);
      core.own[said.type] = said;
      (said.type === "consent" ? consent : report)(said);
    }
  });

  /** Take the config, written as the instant it was asked for (ms), a space, and the route's JSON. */
  function configure(text: string): void {
    ready = true;
    config = parseConfig(text.slice(text.indexOf(" ")));
    configText = text;
    if (config.mode === "off") store.writeQueue([]);
    else choice = parseChoice(store.read("choice"));
    commands.splice(0).forEach(handle);
    const beat = () => {
      collect();
      if (permitted() && pageSeenAt < now()) emitPage();
      soon();
    };
    page.setInterval(safely(beat), config.heartbeatMs);
    collect();
    soon();
  }

  async function askConfig(triesLeft: number): Promise<void> {
    const { status, text } = await transport.getConfig();
    if (!triesLeft || !mayRetry(status)) return safely(configure)(now() + " " + text);
    page.setTimeout(() => askConfig(triesLeft - 1), CONFIG_RETRY_MS * (1 + Math.random()));
  }

  /** Answer `modori(…)` from now on, and whatever was said before. */
  function takeOver(): void {
    const early = page.modori && (page.modori.q as ArrayLike<unknown>[] | undefined);
    const entry = (...args: unknown[]) => handle(args);
    // A page that kept the old function still pushes to `modori.q`.
    page.modori = Object.assign(entry, { version: SDK_VERSION, q: { push: handle }, part });
    Array.from(early || []).forEach(handle);
  }

  function on(target: EventTarget, type: string, work: (event: Event) => void): void {
    target.addEventListener(type, safely(work), { capture: true, passive: true });
  }
  const core: Core = {
    page,
    tag,
    site,
    host,
    safely,
    store,
    config: () => config,
    permitted,
    soon,
    collect,
    report,
    read: (command, given) => reportOf(command, given, document.baseURI),
    own: {},
    ask: transport.ask,
    load,
    forms: null,
    carts: null,
    on,
    health: () => ({ ...said, ...delivery.health() }),
    told: null,
    hooks: [],
  };
  const part = safely((name: PartName, start: Parts[PartName]) => {
    const started = start(core);
    if (name === "forms") core.forms = started as Core["forms"];
    if (name === "carts") core.carts = started as Core["carts"];
    soon();
  });
  function leave(): void {
    collect();
    if (began) delivery.flushOnHide();
  }

  takeOver();
  on(document, "focusin", collect);
  on(document, "click", soon);
  on(document, "visibilitychange", () => {
    if (!visible()) leave();
    else if (permitted() && now() - pageSeenAt >= config.heartbeatMs) emitPage();
    soon();
  });
  on(page, "pagehide", leave);
  on(page, "load", soon);
  if (/[?&]modori_debug=1/.test(page.location.search)) load("debug");

  const stored = store.read("config") || "";
  const age = now() - parseInt(stored); // NaN where nothing is stored
  if (age >= 0 && age < CONFIG_MAX_AGE_MS) configure(stored);
  else void askConfig(CONFIG_TRIES - 1);
}
