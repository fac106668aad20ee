import { attempt } from "./attempt";
import { CONFIG_MAX_AGE_MS, parseConfig } from "./config";
import { makeDelivery } from "./delivery";
import { randomHex } from "./ids";
import { makeLoader } from "./loader";
import { reportOf } from "./commands";
import { digitRuns, holdsCardNumber } from "./luhn";
import type { Core, PartName, Parts, Report } from "./parts";
import { ADS, type AdConsent, adsGranted, CAPTURE, type Choice, choose, isRefused, mayCapture, REFUSED } from "./permission";
import { isNotice } from "./notice";
import { enqueue } from "./queue";
import { mayRetry } from "./retry";
import type { Failures, Safely } from "./safely";
import { isGuest, shimOf } from "./shim";
import { makeStore } from "./store";
import { clip, utf8Bytes } from "./text";
import { makeAsk } from "./transport";
import { pageUrl, spotOf } from "./url";
import type { EventType, Page, PageAddress, WireEvent } from "./wire";
import { wordsOf } from "./wording";

declare const SDK_VERSION: string;

const SOON_MS = 1000;
const EVENT_BYTES = 40 * 1024; // one event fits a page-hide flush
const CONFIG_RETRY_MS = 1000;
const TEXT_LIMIT = 300;
const CONSENT_LIMIT = 2000;

/** Might somebody write a name into it? Text, textarea, telephone, e-mail, number, and what no browser knows: `text`. */
const isText = (field: any): boolean => /^(te|em|nu)/.test(field.type);

/** How a person shows up at a field; a browser's autofill and a page's own code say `input` or `change`. */
const TOUCHES = "focusin input change";

/** Events of GA4's e-commerce, and names like theirs: cart, checkout, purchase, view_item; and of older orders: transaction. */
const TRADE = /cart|check|purch|w_item|transact/;

/** As many digits as a card number that could be told from an id of goods. */
const MANY_DIGITS = /(\d\D*){15}/;

/** Safari knows no such callback; to its `setTimeout` this is no wait at all. */
type Idle = (work: () => void, options: { timeout: number }) => void;

/** A report with the moment and the page that it is about. Waits in memory for permission. */
interface Dated extends Report {
  at: number;
  on: PageAddress;
}

/** Join the page's signals, the visitor's permission and the delivery. Everything that the page calls is `safely`. */
export function watch(page: Page, tag: HTMLScriptElement, safely: Safely, failed: Failures): void {
  const { document } = page;
  const site = tag.dataset.site as string;
  const host = new URL(tag.src).origin;
  const store = makeStore(page, site);
  const ask = makeAsk(page, host);
  const delivery = makeDelivery(page, ask, store, site);
  const load = makeLoader(page, tag, host);
  const now = () => page.Date.now();

  const commands: ArrayLike<unknown>[] = []; // given before the config was known
  let ready = false; // the config is known
  let config = parseConfig("");
  let configAt = 0;
  let choice: Choice = ""; // not read yet
  let ads: AdConsent = {}; // what the page told Google of the person's answer
  let agreed: boolean | undefined; // by it, until we acted on it
  let lastSaid: unknown = store; // the last object that the page told Google; at first one that is in no layer
  let trades = false; // it told of a cart
  let touched = false; // somebody was at a field
  let held: Dated[] = [];
  let gone: string | undefined; // the visitor that this page has forgotten, of whom "no thanks" may still be said
  let seen = !document.hidden; // in front of a person, until this is heard to have ended
  let began = false; // capture was permitted once on this page
  let spotSeen = ""; // where the last page event was; "" where it is time for another
  let soonTimer = false;

  // It may be empty, or no selector at all.
  const find = (selector: unknown) => attempt(() => document.querySelector(selector as string));
  /** By the visitor, or by the browser's Global Privacy Control where the site's country asks for it. */
  const refused = () => isRefused(choice) || (config.gpc && (page.navigator as any).globalPrivacyControl);
  // A page that is only rendered ahead is nobody's yet.
  const permitted = () =>
    !(document as any).prerendering && mayCapture(config, choice, refused(), () => isNotice(find(config.noticeSelector)));
  const dated = (report: Report, at = now()): Dated => {
    return { ...report, at, on: { url: pageUrl(page.location), title: clip("" + document.title, TEXT_LIMIT) } };
  };

  /** The second look for card numbers, right before an event is made. */
  const masked = <Kind>(said: Kind, goods: boolean): Kind =>
    JSON.parse(
      JSON.stringify(said, (name, value) => {
        if (name === "mac" || !holdsCardNumber(String(value), goods)) return value;
        failed.errors++;
        return name === "url" ? page.location.origin : ""; // a page without an address would be refused
      }),
    );

  /** Give a report its id and visitor and put it in the queue. */
  function emit({ type, data: said, key, at, on }: Dated, visitor = store.visitorId()): void {
    const id = randomHex(page); // a UUID, written without dashes
    // The first look through a text costs milliseconds: what a page event says is our own word, and few addresses and
    // titles have a card's digits at all.
    const data = type === "page" ? said : masked(said, /cart|order/.test(type));
    const where = MANY_DIGITS.test(on.url + on.title) ? masked(on, true) : on;
    const event: WireEvent = { id, type, data, at: new Date(at).toISOString(), visitor, page: where };
    let json;
    const items = data.items as unknown[] | undefined;
    while (utf8Bytes((json = JSON.stringify(event))) > EVENT_BYTES && items?.length) items.length >>= 1;
    delivery.add({ id, key, json });
    if (/form|order/.test(type)) {
      store.write("form", data.form && !data.submitted ? at + " " + JSON.stringify(data) : "");
    }
    core.told?.(event);
  }

  /** Say that the page is open and seen: at a new address, and at each beat. */
  function emitPage(): void {
    const spot = spotOf(page.location);
    if (seen && spot !== spotSeen) {
      spotSeen = spot;
      emit(dated({ type: "page", data: { kind: core.carts?.kind(), health: core.health() }, key: "page" + spot }));
    }
  }

  /** Where capture is permitted for the first time on this page, take up what earlier pages left. */
  function begin(): void {
    began = true;
    delivery.resume();
    if (/modori_t=/.test(page.location.search) || store.read("back")) load("more");
  }

  /**
   * Was somebody at a field, or is there one in a frame of the same origin, of which nothing is heard here? Before that a
   * page with fields costs what a page without costs.
   */
  function lookForFields(): void {
    const framed = (frame: any) => frame.contentDocument?.querySelector("input");
    if (touched || [...document.querySelectorAll("iframe,frame")].some(framed)) load("forms");
  }

  /** Hear what the page tells Google: that it trades, and by Consent Mode what the person answered. */
  function listen(): void {
    const layer = (page as any)[tag.dataset.layer || "dataLayer"];
    if (!Array.isArray(layer)) return;
    // Other tags wrap `push` and shorten the array: what was heard last is found again by itself.
    layer.slice(layer.lastIndexOf(lastSaid) + 1).forEach(
      safely((entry) => {
        if (Object(entry) !== entry) return; // a text or an undefined may stand there again and again
        lastSaid = entry;
        const word = entry[1];
        // A default is the site's word; only an update is the person's.
        if (entry[0] === "consent" && word === "update") agreed = adsGranted((ads = { ...ads, ...entry[2] }));
        trades = trades || TRADE.test(entry.event || word);
      }),
    );
  }

  /** Where capture is permitted, turn all that waits into events. */
  const collect = safely((leaving?: boolean) => {
    listen();
    if (agreed !== undefined && config.mode === "after-consent") {
      decide(ADS, agreed);
      agreed = undefined;
    }
    if (ready && (!config.mode || refused())) forget();
    if (!permitted()) return;
    if (!began) begin();
    if (core.carts) core.carts.read();
    else if (trades || shimOf(page)) load("carts");
    emitPage();
    held.splice(0).forEach((each) => emit(each));
    // "Do not contact": nothing is taken of what this person types.
    if (isGuest(page)) {
      store.write("form", "");
      return core.forms?.forget();
    }
    if (!core.forms) return lookForFields();
    core.forms.changes(leaving).forEach(({ state, at }) => {
      // What is said once, a survey or the end, waits for no newer state to take its place.
      const key = state.submitted || state.survey ? "" : "form " + state.form;
      emit(dated({ type: "form", data: state as any, key }, at));
    });
  });

  function look(): void {
    soonTimer = false;
    collect();
    delivery.flush();
  }

  function soon(): void {
    if (!soonTimer) page.setTimeout(look, SOON_MS);
    soonTimer = true;
  }

  /** Look soon, and once more: a slow shop tells Google of a cart or an order when its own server has answered. */
  function looks(): void {
    page.setTimeout(look, 5 * SOON_MS);
    soon();
  }

  function report(said: Report): void {
    held = enqueue(held, dated(said));
    soon();
  }

  /** Forget what the page said and everything typed. */
  function forget(): void {
    held = [];
    core.forms?.forget();
  }

  /** Forget that, what was not sent, but for withdrawals, and what is stored of the visitor: capture is permitted no longer. */
  function end(): void {
    forget();
    delivery.forget();
    gone = refused() ? undefined : store.knownVisitor();
    store.forgetVisitor(isRefused(choice));
  }

  /** The visitor granted or withdrew a channel. */
  function decide(channel: string, granted: boolean): void {
    const before = permitted();
    const wasRefused = isRefused(choice);
    choice = choose(choice, channel, granted);
    const after = permitted();
    if (wasRefused || isRefused(choice) || (before && !after)) end();
    // The mark of a refusal is no capture; what is there may always be taken back.
    if (after || isRefused(choice) || store.read("choice")) store.write("choice", choice);
  }

  /** Heed what the visitor said. Every grant is evidence, so each one counts; of withdrawals the last says all. */
  function consent(given: any, heed = decide): void {
    const { control } = given;
    const channel = String(given.channel);
    const granted = given.granted === true;
    const text = given.text || attempt(() => wordsOf(find(control)));
    const data = { channel, granted, text: text && clip(String(text), CONSENT_LIMIT), control };
    const news: Report = { type: "consent", data, key: granted ? "" : "consent " + channel };
    // A grant goes out by the permission that it gives. A withdrawal needs none where the server knows this browser,
    // and "no thanks" has nobody else to go to.
    if (granted) heed(channel, granted);
    const known = store.knownVisitor() || gone;
    if (granted || (!known && channel !== CAPTURE)) report(news);
    else if (known) emit(dated(news), known);
    if (!granted) heed(channel, granted);
  }

  const handle = safely(([name, given]: any) => {
    const isConsent = name === "consent";
    if (name === "restore") core.hooks.push(given);
    else if (!ready) {
      commands.push([name, given]);
      // The page may be gone before this is heard.
      if (isConsent && given?.channel === CAPTURE && given.granted === false) store.write("choice", REFUSED);
    } else if (config.mode || given?.granted === false) {
      if (isConsent) consent(given);
      else {
        report((core.own[name as EventType] = core.read(name, given)));
      }
      collect();
      soon();
    }
  });

  /** Take the config route's JSON; empty where it could not be had: that forgets nothing. */
  function configure(json: string): void {
    config = parseConfig(json);
    if (json && (!config.mode || refused())) {
      // Withdrawals that have not reached the server yet are the one thing that goes without permission.
      delivery.resume();
      // A page that went before it heard of its mode has stored the refusal, and told nobody; a browser's signal is news, too.
      if (refused()) consent({ channel: CAPTURE }, () => {});
      end();
    }
    if (!ready) page.setTimeout(beat, config.heartbeatMs);
    ready = true;
    commands.splice(0).forEach(handle);
    looks();
  }

  const beat = safely(() => {
    page.setTimeout(beat, config.heartbeatMs);
    spotSeen = "";
    if (seen && now() - configAt >= CONFIG_MAX_AGE_MS) void askConfig(CONFIG_RETRY_MS);
    look();
  });

  /** Ask for the config, and again after a while, and a longer one, until there is an answer. */
  async function askConfig(waitMs: number): Promise<void> {
    configAt = now();
    if (store.recheck()) choice = REFUSED;
    const { status, text } = await ask("sites/" + site + "/config");
    if (mayRetry(status)) page.setTimeout(() => askConfig(waitMs * 2), waitMs * (1 + Math.random()));
    else safely(configure)(status < 300 ? text : "");
  }

  const part = safely((name: PartName, start: Parts[PartName]) => {
    (core as any)[name] = start(core);
    soon();
  });

  /** Answer `modori(…)` from now on, and whatever was said before. */
  function takeOver(): void {
    const early = page.modori?.q as ArrayLike<unknown>[] | undefined;
    // A page that kept the old function still pushes to `modori.q`.
    const members = { version: SDK_VERSION, q: { push: handle }, part };
    page.modori = Object.assign((...args: unknown[]) => handle(args), members);
    early?.forEach(handle);
  }

  const on = (types: string, work: (event: any) => void, target: EventTarget = page) =>
    types.split(" ").forEach((type) => target.addEventListener(type, safely(work), true));
  function leave(): void {
    collect(true);
    delivery.flushOnHide();
  }

  const core: Core = {
    page,
    tag,
    safely,
    store,
    config: () => config,
    permitted,
    soon,
    collect,
    report,
    read: (command, given) => reportOf(command, given, document.baseURI),
    own: {},
    ask,
    load,
    digitRuns,
    holdsCardNumber,
    shim: () => shimOf(page),
    health: () => ({ ...failed, ...delivery.health() }),
    failed,
    hooks: [],
  };

  takeOver();
  const touch = (event: Event) => {
    // A field in a shadow root shows itself here, too.
    if (!touched && isText(event.composedPath()[0])) {
      touched = true;
      collect();
    }
  };
  on(TOUCHES, touch);
  on("visibilitychange", () => {
    if (document.hidden) leave();
    seen = !document.hidden;
    soon();
  });
  on("click", looks);
  on("pagehide", leave);
  on("online", delivery.retry);
  on("pageshow", ({ persisted }: PageTransitionEvent) => {
    if (persisted) {
      spotSeen = "";
      looks();
    }
  });
  /** The first look into storage waits for another process, and so does a request: not while the page is busy. */
  ((page.requestIdleCallback || page.setTimeout) as Idle)(safely(() => {
    choice = store.read("choice") || "";
    on("storage", () => {
      const said = store.recheck("") ? REFUSED : store.read("choice");
      const before = choice;
      // Another tab's choice is this one's, too; but a refusal that could not be stored still counts here.
      choice = said || (isRefused(before) ? before : "");
      // Once: two tabs with withdrawals to send would answer each other's storage for ever.
      if (isRefused(choice) && !isRefused(before)) end();
    });
    store.age();
    if (/modori_debug=1/.test(page.location.search) || store.read("debug")) load("more");
    void askConfig(CONFIG_RETRY_MS);
  }), { timeout: SOON_MS });
  // Nothing of the page's is patched: without the Navigation API a single page's way on is noticed by the click that it
  // begins with, or at the next beat. It comes last, as a page may call something else so.
  on("popstate currententrychange", looks, (page as any).navigation);
}
