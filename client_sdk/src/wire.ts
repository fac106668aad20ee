/** The shapes that cross to the server: `POST /v1/events` and `GET /v1/sites/{pk}/config`. */

/** A page's window, as the front door takes it. */
export type Page = Window & typeof globalThis;

export type EventType = "page" | "cart" | "form" | "identify" | "consent" | "order";

export type PageKind = "product" | "cart" | "checkout" | "thanks" | "other";

export interface PageAddress {
  url: string;
  title: string;
}

export interface WireEvent {
  id: string;
  type: EventType;
  /** ISO 8601 with milliseconds, by the browser's clock. */
  at: string;
  visitor: string;
  page: PageAddress;
  data: object;
}

/** None is off. */
export type Mode = "notice" | "after-consent" | undefined;

export interface SiteConfig {
  mode: Mode;
  /** A CSS selector, as the server gave it; none or an empty one matches nothing. */
  noticeSelector: string;
  heartbeatMs: number;
  /** The browser's Global Privacy Control counts as a refusal. */
  gpc: unknown;
}
