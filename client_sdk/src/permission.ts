import type { SiteConfig } from "./wire";

/** The channels that the visitor granted, or REFUSED alone where capture itself was refused. */
export type Choice = readonly string[];

const CAPTURE = "capture";
const REFUSED = "-";

/** May this page be captured now? A refusal beats everything; `notice` needs a notice in the page. */
export function mayCapture(config: SiteConfig, choice: Choice, noticeInPage: () => boolean): boolean {
  if (isRefused(choice)) return false;
  if (config.mode === "notice") return noticeInPage();
  return config.mode === "after-consent" && choice.length > 0;
}

export function isRefused(choice: Choice): boolean {
  return choice[0] === REFUSED;
}

/** The choice after the visitor granted or withdrew one channel. Only `capture` opens what `capture` closed. */
export function choose(choice: Choice, channel: string, granted: boolean): Choice {
  if (channel === CAPTURE && !granted) return [REFUSED];
  if (channel !== CAPTURE && isRefused(choice)) return choice;
  const others = choice.filter((name) => name !== channel && name !== REFUSED);
  return granted ? [...others, channel] : others;
}

/** The choice as it was stored by joining it with spaces. */
export function parseChoice(text: string | null): Choice {
  return text ? text.split(" ") : [];
}
