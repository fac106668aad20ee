import { explain } from "../forms/explain";
import type { Core, FieldReport } from "../parts";
import { REFUSED } from "../permission";
import type { WireEvent } from "../wire";
import type { Words } from "./words";

declare const SDK_VERSION: string;

/** What the overlay shows: lines, fields and events, without any value that a person typed. */
export interface State {
  lines: string[];
  capturing: boolean;
  fields: FieldReport[];
  events: string[];
}

function permission(core: Core, foreign: boolean, words: Words): string {
  const { mode, gpc } = core.config();
  if (foreign) return words.foreign(core.page.location.origin);
  if (core.permitted()) return words.capturing;
  if (!mode) return words.off;
  if (core.store.read("choice") === REFUSED) return words.refused;
  if (gpc && (core.page.navigator as { globalPrivacyControl?: unknown }).globalPrivacyControl) return words.signal;
  return mode === "notice" ? words.noNotice : words.noConsent;
}

/** One event in a line, at the time of the engineer's own clock: what it says of goods, and of fields only their names. */
export function lineOf({ type, at, data }: WireEvent): string {
  const said = data as Record<string, unknown>;
  const of = (name: string) => (Array.isArray(said[name]) ? [`${name}: ${(said[name] as unknown[]).length}`] : []);
  const words = ["form", "currency", "value", "channel", "granted", "kind", "progress", "submitted"]
    .filter((name) => said[name] !== undefined && (name !== "submitted" || said[name]))
    .map((name) => `${name}: ${String(said[name])}`);
  const fields = Object.keys(Object(said.fields) as object).join(" ");
  return [new Date(at).toTimeString().slice(0, 8), type, ...words, ...of("items"), ...(fields ? [fields] : [])].join(" · ");
}

/** foreign  this page's origin is none of the site's */
export function stateOf(core: Core, events: WireEvent[], foreign: boolean, words: Words): State {
  const { errors, queued, dropped } = core.health();
  return {
    capturing: !!core.permitted() && !foreign,
    lines: [
      permission(core, foreign, words),
      `${words.mode}: ${core.config().mode || "off"} · ${core.tag.dataset.site} · ${SDK_VERSION}`,
      `${words.visitor}: ${core.store.knownVisitor() || words.none}`,
      words.health(errors, queued, dropped),
    ],
    fields: explain(core),
    events: events.map(lineOf),
  };
}

/** The same as text, to be pasted into a mail. */
export function textOf({ lines, fields, events }: State, words: Words): string {
  const said = fields.map(({ field, token, why }) => `- ${field || "?"}: ${token || "—"}: ${words.why[why]}`);
  return [words.title, ...lines, "", words.fields, ...said, "", words.events, ...events.map((one) => "- " + one)].join("\n");
}
