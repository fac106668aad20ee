import type { Failures, Safely } from "./safely";
import type { Store } from "./store";
import type { Ask } from "./transport";
import type { EventType, Page, PageKind, SiteConfig, WireEvent } from "./wire";

/** A thing to report, before it has an id, a visitor and a permission. */
export interface Report {
  type: EventType;
  data: Record<string, unknown>;
  /** A newer report with the same key takes an unsent one's place; "": each one counts. */
  key: string;
}

/** The scripts that are fetched only where they are needed. Each calls `window.modori.part(name, start)`. */
export interface Parts {
  forms: (core: Core) => FormWatch;
  carts: (core: Core) => CartWatch;
  /** What comes back by a link of ours, and the engineer's overlay. */
  more: (core: Core) => void;
}
export type PartName = keyof Parts;

/** What a late part gets of the core. */
export interface Core {
  page: Page;
  /** The tag that loaded the core: its `data-` attributes are settings, its nonce goes to what it loads. */
  tag: HTMLScriptElement;
  safely: Safely;
  store: Store;
  /** The site's settings as last heard of. */
  config(): SiteConfig;
  /** May this page be captured now? Truthy or falsy. Asks the page itself, so ask seldom. */
  permitted(): unknown;
  /** Look at the page again within a second. */
  soon(): void;
  /** Look at the page now: what has changed becomes events, where that is permitted. */
  collect(): void;
  /** Say something of the page; it waits in memory for permission. */
  report(said: Report): void;
  /** How card numbers are known: the runs of digits in a text, and whether one of them could be a card's. */
  digitRuns(text: string): string[];
  holdsCardNumber(text: string): boolean;
  /** Read a command as the wire wants it, taking only what it names. raises TypeError for one that is unknown */
  read(command: string, given: unknown): Report;
  /** What the page itself said last, by type: it counts before what the page tells others. */
  own: Partial<Record<EventType, Report>>;
  /** A compatible tag's global, or undefined. */
  shim(): any;
  ask: Ask;
  load(part: PartName): void;
  /** After the forms part has started. */
  forms?: FormWatch;
  /** After the carts part has started. */
  carts?: CartWatch;
  health(): Health;
  failed: Failures;
  /** Called with each event as it is made; the debug part sets it. */
  told?: (event: WireEvent) => void;
  /** What the page gave to `modori("restore", hook)`; the restore part puts a `push` of its own in its place. */
  hooks: { push(hook: RestoreHook): unknown };
}

export interface Health {
  /** What our own code threw since the page began. */
  errors: number;
  /** Events that wait to be sent. */
  queued: number;
  /** Events given up since the page began: refused, too old or too many. */
  dropped: number;
}

/** The page's own function that brings a cart back; what it gets is the restore part's to say. */
export type RestoreHook = (brought: any) => void;

/** What a person has filled in one form, as the wire carries it. */
export interface FormState {
  form: string;
  /** By autocomplete token; `name-kana` stands for a whole name in kana. */
  fields: Record<string, string>;
  last_field?: string;
  /** 0 to 1. */
  progress: number;
  submitted: boolean;
  /** Every field in reach, at most 80: its name or id (at most 40 characters), never its value. */
  survey?: { field: string; token: string | null; why: Why }[];
  /** By token: ms with focus, and how often it was changed again after it had been left. */
  times?: Record<string, { ms: number; edits: number }>;
}

/** Why a field is taken, or not. */
export type Why =
  | "taken"
  | "confirmation"
  | "password"
  | "card"
  | "one-time-code"
  | "hidden"
  | "ignored"
  | "frame"
  | "disabled"
  | "type"
  | "unknown"
  | "value";

export interface CartWatch {
  /** See what the page has told others since the last look. To be called before the forms are read. */
  read(): void;
  /** As its e-commerce events and its markup say; undefined where they say nothing. */
  kind(): PageKind | undefined;
}

export interface FieldReport {
  element: Element;
  field: string;
  token: string | null;
  why: Why;
}

export interface FormWatch {
  /**
   * The forms touched since the last call that now say something else, each with its last touch, ms.
   *
   * leaving  the page may be gone after this: also what is just being typed
   */
  changes(leaving?: boolean): { state: FormState; at: number }[];
  /** Forget everything typed. */
  forget(): void;
}
