import { attempt } from "./attempt";
import type { Mode, SiteConfig } from "./wire";

const HEARTBEAT_S = 15;

/** How old the config of an open page grows; a new page has the browser's own copy, which is kept as long. */
export const CONFIG_MAX_AGE_MS = 300_000;

/** Read the config route's answer, JSON. What is not understood permits nothing, as `off` does. */
export function parseConfig(json: string): SiteConfig {
  const given = Object(attempt(() => JSON.parse(json || "0"))); // an error would cost a millisecond
  return {
    mode: /^(notice|after-consent)$/.exec(given.mode)?.[0] as Mode,
    noticeSelector: given.notice_selector,
    gpc: given.gpc,
    heartbeatMs: 1000 * (Number(given.heartbeat_s) || HEARTBEAT_S),
  };
}
