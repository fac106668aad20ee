import type { SiteConfig } from "./wire";

const HEARTBEAT_S = 15;

/** How old the config of an open page grows; a new page has the browser's own copy, which is kept as long. */
export const CONFIG_MAX_AGE_MS = 300_000;

/** Read the config route's answer, JSON. What is not understood permits nothing, as `off` does. */
export function parseConfig(json: string): SiteConfig {
  let given: Record<string, unknown> = {};
  try {
    given = Object(JSON.parse(json)) as Record<string, unknown>;
  } catch {
    // Not JSON: off.
  }
  return {
    mode: given.mode === "notice" || given.mode === "after-consent" ? given.mode : "off",
    noticeSelector: String(given.notice_selector || ""),
    gpc: !!given.gpc,
    heartbeatMs: 1000 * (Number(given.heartbeat_s) || HEARTBEAT_S),
  };
}
