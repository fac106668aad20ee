import type { SiteConfig } from "./wire";

const HEARTBEAT_S = 15;

/** How long the config counts before it is asked for again. */
export const CONFIG_MAX_AGE_MS = 300_000;

/** Read the config route's answer, JSON. What is not understood permits nothing, as `off` does. */
export function parseConfig(json: string): SiteConfig {
  let given: Record<string, unknown> = {};
  try {
    given = Object(JSON.parse(json)) as Record<string, unknown>;
  } catch {
    // Not JSON: off.
  }
  const heartbeatS = Number(given.heartbeat_s);
  return {
    mode: /^(notice|after-consent)$/.test(String(given.mode)) ? (given.mode as SiteConfig["mode"]) : "off",
    noticeSelector: String(given.notice_selector || ""),
    gpc: !!given.gpc,
    heartbeatMs: 1000 * (heartbeatS >= 1 && heartbeatS <= 3600 ? heartbeatS : HEARTBEAT_S),
  };
}
