import type { SiteConfig } from "./wire";

/** The channels that the visitor granted, joined by spaces, or REFUSED alone where capture itself was refused. */
export type Choice = string;

export const CAPTURE = "capture";
/** What Google's Consent Mode granted, among the channels of a choice. */
export const ADS = "ads";
export const REFUSED = "-";

/**
 * May this page be captured now? A refusal beats everything; `notice` needs a notice in the page.
 *
 * refused  by the visitor, or by the browser's signal where it counts; any truth
 * returns  truthy or falsy
 */
export function mayCapture({ mode }: SiteConfig, choice: Choice, refused: unknown, noticeInPage: () => unknown): unknown {
  if (refused) return false;
  return mode === "notice" ? noticeInPage() : mode && choice;
}

export function isRefused(choice: Choice): boolean {
  return choice === REFUSED;
}

/** The choice after the visitor granted or withdrew one channel. Only `capture` opens what `capture` closed. */
export function choose(choice: Choice, channel: string, granted: boolean): Choice {
  if (channel === CAPTURE ? !granted : isRefused(choice)) return REFUSED;
  return [...choice.split(" ").filter((name) => name !== channel), granted ? channel : ""].filter(isKnown).join(" ");
}

/** Only what the server can take as evidence opens capture; "analytics" or "undefined" grants nothing. */
const isKnown = (name: string) => /^(email|sms|line|call|capture|ads)$/.test(name);

/** What a page told Google's tags of the person's answer, by each member's last word: an `update` may name some only. */
export interface AdConsent {
  ad_storage?: unknown;
  ad_user_data?: unknown;
}

/**
 * Did the person agree by Google's Consent Mode? Both count: what is stored for advertising, and what of the person is
 * sent for it. One denied is enough of an answer; undefined while one of two has not been answered.
 */
export function adsGranted({ ad_storage, ad_user_data }: AdConsent): boolean | undefined {
  const said = ad_storage + "" + ad_user_data;
  return /denied/.test(said) ? false : said === "grantedgranted" || undefined;
}
