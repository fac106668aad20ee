import { watchAddress } from "./address";
import { ECOMMERCE, makeLayer, shimOf } from "./carts/layer";
import { reportOf, type Report } from "./commands";
import { CONFIG_MAX_AGE_MS, parseConfig } from "./config";
import { makeDelivery } from "./delivery";
import { uuid } from "./ids";
import { kindOfPath } from "./kind";
import { makeLoader } from "./loader";
import type { Core, PartName, Parts } from "./parts";
import { ADS, type AdConsent, adsGranted, CAPTURE, choose, isRefused, mayCapture, parseChoice } from "./permission";
import { enqueue } from "./queue";
import { mayRetry } from "./retry";
import type { Listen, Safely } from "./safely";
import { makeStore } from "./store";
import { clip, utf8Bytes } from "./text";
import { makeTransport } from "./transport";
import { pageUrl, spotOf } from "./url";
import type { Page, PageAddress, WireEvent } from "./wire";

declare const SDK_VERSION: string;

const SOON_MS = 1000;
const EVENT_BYTES = 40 * 1024; // one event fits a page-hide flush
const CONFIG_TRIES = 4;
const CONFIG_RETRY_MS = 5000;
const TITLE_LIMIT = 300;
const KEPT_FORM_MS = 7 * 86_400_000;

/** Inputs that somebody might write a name into: where one is, the forms part is worth its bytes. */
const FIELD = "input:not([type]),input[type=text],input[type=email],input[type=tel]";

/** A report with the moment and the page that it is about. Waits in memory for permission. */
interface Dated extends Report {
  at: number;
  on: PageAddress;
}

/** Join the page's signals, the visitor's permission and the delivery. Everything that the page calls is `safely`. */
export function watch(page: Page, tag: HTMLScriptElement, safely: Safely, failed: { errors: number }): void {
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
  let configAt = 0;
  let choice = parseChoice("");
  let ads: AdConsent = {}; // what the page told Google since we last acted on it
  let trades = false; // the page told others of a cart
  let held: Dated[] = [];
  let began = false; // capture was permitted once on this page
  let spotSeen = ""; // where the last page event was
  let pageSeenAt = 0;
  let soonTimer = false;

  function find(selector: unknown): Element | null {
    try {
      return document.querySelector(selector as string);
    } catch {
      return null; // empty, or no selector at all
    }
  }
  const permitted = () =>
    mayCapture(config, choice, (page.navigator as any).globalPrivacyControl, () => !!find(config.noticeSelector));
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
    if (type === "form") store.write(type, data.submitted ? "" : at + " " + JSON.stringify(data));
    if (type === "order") store.write("form", "");
    if (core.told) core.told(event);
  }

  function emitPage(): void {
    if (!visible()) return;
    pageSeenAt = now();
    spotSeen = spotOf(page.location.href);
    const kind = (core.carts && core.carts.kind()) || kindOfPath(page.location.pathname);
    const data = { kind, health: core.health() };
    const seen = dated({ type: "page", data, key: "" }, pageSeenAt);
    emit({ ...seen, key: "page " + seen.on.url });
  }

  /** Where capture is permitted for the first time on this page, take up what earlier pages left. */
  function begin(): void {
    began = true;
    store.write("config", configText);
    delivery.resume();
    if (!(parseInt(store.read("form") || "") > now() - KEPT_FORM_MS)) store.write("form", "");
    if (/[?&]modori_t=/.test(page.location.search) || store.read("back")) load("restore");
  }

  /** Is there a field to write into, here or in a frame that is as good as here? Asks for no layout. */
  function lookForFields(): void {
    const frames = Array.from(document.querySelectorAll("iframe"), (frame) => frame.contentDocument);
    if ([document, ...frames].some((inner) => inner && inner.querySelector(FIELD))) load("forms");
  }

  /** Where capture is permitted, turn all that waits into events. */
  function collect(): void {
    listen().forEach(([command, word, given]) => {
      // A default is the site's word; only an update is the person's.
      if (command === "consent" && word === "update") ads = { ...ads, ...given };
      trades = trades || ECOMMERCE.test(word as string);
    });
    const agreed = config.mode === "after-consent" && adsGranted(ads);
    if (typeof agreed === "boolean") {
      ads = {};
      decide(ADS, agreed);
    }
    if (ready && (config.mode === "off" || isRefused(choice))) forget();
    if (!permitted()) return;
    if (!began) begin();
    if (core.carts) core.carts.look();
    else if (trades || shimOf(page)) load("carts");
    if (spotSeen !== spotOf(page.location.href)) emitPage();
    held.splice(0).forEach(emit);
    if (!core.forms) return lookForFields();
    core.forms.changes().forEach(({ state, at }) => {
      emit(dated({ type: "form", data: { ...state }, key: state.submitted ? "" : "form " + state.form }, at));
    });
  }

  function soon(): void {
    if (soonTimer) return;
    soonTimer = true;
    const work = () => {
      soonTimer = false;
      safely(collect)();
      delivery.flush();
    };
    page.setTimeout(safely(work), SOON_MS);
  }

  function report(said: Report): void {
    held = enqueue(held, dated(said, now()));
    soon();
  }

  /** Forget what the page said and everything typed. */
  function forget(): void {
    held = [];
    if (core.forms) core.forms.clear();
  }

  /** Forget that, and what was not sent, but for the keys that `kept` matches. */
  function stop(kept: RegExp): void {
    forget();
    delivery.forget(kept);
  }

  /** The visitor granted or withdrew a channel. */
  function decide(channel: string, granted: boolean): void {
    const before = permitted();
    choice = choose(choice, channel, granted);
    const after = permitted();
    if (isRefused(choice)) {
      stop(/^consent capture/);
      store.forgetVisitor();
    } else if (before && !after) stop(/^consent/);
    if (before || after || config.mode === "notice") store.write("choice", choice.join(" "));
  }

  function consent(said: Report): void {
    const { channel, granted } = said.data as { channel: string; granted: boolean };
    // A withdrawal goes out by the permission that it ends, a grant by the one that it gives. "No thanks" goes to a
    // server that knows this browser, and to no other.
    if (!granted) {
      if (channel !== CAPTURE) {
        report(said);
        collect();
      } else if (store.knownVisitor()) emit(dated(said, now()));
    }
    decide(channel, !!granted);
    if (granted) report(said);
  }

  const handle = safely(([name, given]: any) => {
    if (name === "restore") core.hooks.push(given);
    else if (!ready) commands.push([name, given]);
    else if (config.mode !== "off") {
      const said = core.read(name, given);
      if (!said) throw Error("unknown: " + name);
      if (said.type === "consent") {
        const { data } = said;
        const control: any = !data.text && find(data.control);
        if (control) data.text = clip(((control.labels || "")[0] || control).textContent.replace(/\s+/g, " ").trim(), 2000);
        consent(said);
      } else {
        core.own[said.type] = said;
        report(said);
      }
      collect();
      soon();
    }
  });

  /** Take the config, written as the instant it was asked for (ms), a space, and the route's JSON. */
  function configure(text: string): void {
    configAt = parseInt(text);
    configText = text;
    config = parseConfig(text.slice(text.indexOf(" ")));
    if (began) store.write("config", text);
    const first = !ready;
    if (first) choice = parseChoice(store.read("choice"));
    ready = true;
    if (config.mode === "off" || isRefused(choice)) {
      // A "no thanks" that has not reached the server yet is the one thing that goes without permission.
      delivery.resume();
      stop(/^consent/);
    }
    if (first) {
      commands.splice(0).forEach(handle);
      beat();
    }
    collect();
    soon();
  }

  const beat = safely(() => {
    page.setTimeout(beat, config.heartbeatMs);
    collect();
    if (visible() && now() - configAt >= CONFIG_MAX_AGE_MS) void askConfig(0);
    if (permitted() && pageSeenAt < now()) emitPage();
    soon();
  });

  async function askConfig(triesLeft: number): Promise<void> {
    configAt = now();
    const { status, text } = await transport.getConfig();
    if (!mayRetry(status) || !(triesLeft || ready)) safely(configure)(configAt + " " + text);
    else if (triesLeft) page.setTimeout(() => askConfig(triesLeft - 1), CONFIG_RETRY_MS * (1 + Math.random()));
  }

  const part = safely((name: PartName, start: Parts[PartName]) => {
    const started = start(core);
    if (name === "forms") core.forms = started as Core["forms"];
    if (name === "carts") core.carts = started as Core["carts"];
    soon();
  });

  /** Answer `modori(…)` from now on, and whatever was said before. */
  function takeOver(): void {
    const early = page.modori && (page.modori.q as ArrayLike<unknown>[] | undefined);
    const entry = (...args: unknown[]) => handle(args);
    // A page that kept the old function still pushes to `modori.q`.
    page.modori = Object.assign(entry, { version: SDK_VERSION, q: { push: handle }, part });
    Array.from(early || []).forEach(handle);
  }

  const on: Listen = (target, type, work) =>
    target.addEventListener(type, safely(work), { capture: true, passive: true });
  function leave(): void {
    safely(collect)();
    delivery.flushOnHide();
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
    health: () => ({ ...failed, ...delivery.health() }),
    told: null,
    hooks: [],
  };

  takeOver();
  on(document, "focusin", (event: Event) => {
    // A field in a shadow root shows itself here.
    const touched = event.composedPath()[0] as Element;
    if (!core.forms && touched.matches(FIELD) && permitted()) load("forms");
  });
  on(document, "visibilitychange", () => {
    if (!visible()) leave();
    else if (permitted() && now() - pageSeenAt >= config.heartbeatMs) emitPage();
    soon();
  });
  on(document, "click", soon);
  on(document, "DOMContentLoaded", collect);
  on(page, "load", soon);
  on(page, "pagehide", leave);
  on(page, "pageshow", (event: PageTransitionEvent) => {
    if (event.persisted) spotSeen = "";
    soon();
  });
  on(page, "storage", () => {
    // Another tab's "no thanks" is this one's, too.
    choice = parseChoice(store.read("choice"));
    if (isRefused(choice)) stop(/^consent capture/);
  });
  safely(watchAddress)(page, on, soon);

  if (/[?&]modori_debug=1/.test(page.location.search) || store.debugging()) load("debug");
  const stored = store.read("config") || "";
  const age = now() - parseInt(stored); // NaN where nothing is stored
  if (age >= 0 && age < CONFIG_MAX_AGE_MS) configure(stored);
  else void askConfig(CONFIG_TRIES - 1);
}
