import type { FieldReport, Why } from "../parts";
import { clip } from "../text";
import { arrange, type Known, type Slot } from "./arrange";
import type { Field } from "./clues";
import { isIgnored, isPayment, isShown } from "./reach";
import { keepable } from "./values";

const FIELD_LIMIT = 40; // characters of a field's name in a survey

/** A form as it stands. */
export interface Reading {
  fields: Record<string, string>;
  /** 0 to 1: filled among the visible, allowed and required ones (all, where none is required); null without any. */
  progress: number | null;
  reports: FieldReport[];
  /** The slots that may be read now. */
  slots: Slot[];
}

function whyNot({ field, token, why }: Known): Why {
  if (isIgnored(field)) return "ignored";
  if (isPayment(field.ownerDocument)) return "frame";
  if (field.type === "password") return field.type;
  if (!token) return why;
  if (field.disabled) return "disabled";
  return isShown(field) ? "taken" : "hidden";
}

/** May a field be read now? */
export const isReadable = (known: Known) => whyNot(known) === "taken";

function textOf(field: Field): string {
  const chosen = "selectedOptions" in field ? field.selectedOptions[0] : null;
  return (chosen && field.value ? chosen.text : field.value).trim();
}

/** What a slot says: "" for nothing yet, null for what must not be kept. */
function valueOf({ token, parts, glue }: Slot): [token: string, value: string | null] {
  const texts = parts.map(({ field }) => textOf(field));
  const isWhole = (text: string) => (token === "tel" ? text.replace(/\D/g, "").length > 8 : glue === "@" && /.@/.test(text));
  const whole = texts.find(isWhole) || (texts.every(Boolean) ? texts.join(glue).replace(/@+/, "@") : "");
  const value = keepable(token, whole);
  const phone = !value && parts[0]!.either && keepable("tel", whole);
  return phone ? ["tel", phone] : [token, value];
}

/**
 * Read a form through the allow-list: nothing is read of a field before it is known to be allowed.
 *
 * all        its fields in the page's order
 * earlier    what was read before: a field that is hidden now (a finished step) keeps what it said while it was shown
 * composing  the field in which a word is half typed: it keeps what it said before that
 */
export function read(all: Known[], earlier: Record<string, string>, composing: Field | null): Reading {
  const fields = { ...earlier };
  const lesser: Record<string, boolean> = {};
  const arranged = arrange(all);
  const reportOf = new Map<Known, FieldReport>();
  const reports: FieldReport[] = all.map((known) => {
    const { field, clues } = known;
    const report = { element: field, field: clip(clues.name || clues.id, FIELD_LIMIT), token: null, why: whyNot(known) };
    reportOf.set(known, report);
    return report;
  });
  let counted = 0;
  let filled = 0;
  let onlyRequired = false;
  const slots = arranged.filter((slot) => {
    const mine = slot.parts.map((part) => reportOf.get(part) as FieldReport);
    if (mine.some(({ why }) => why !== "taken")) return false;
    const half = slot.parts.some(({ field }) => field === composing);
    const [token, value] = half ? [slot.token, fields[slot.token] || ""] : valueOf(slot);
    for (const report of mine) {
      report.token = token;
      if (value === null || slot.again) report.why = slot.again ? "confirmation" : "value";
    }
    if (!slot.again) {
      const required = slot.parts.some(({ field }) => field.required || field.getAttribute("aria-required") === "true");
      if (required && !onlyRequired) {
        counted = filled = 0;
        onlyRequired = true;
      }
      if (required === onlyRequired) {
        counted++;
        if (value) filled++;
      }
    }
    // Of two with one meaning the first that says something counts, the buyer's before a recipient's.
    const less = !!slot.parts[0]!.theirs || slot.again;
    const seen = lesser[token];
    if (seen === undefined || (value && (!fields[token] || (seen && !less)))) {
      lesser[token] = less;
      if (value) fields[token] = value;
      else delete fields[token];
    }
    return true;
  });
  return { fields, progress: counted ? Math.round((100 * filled) / counted) / 100 : null, reports, slots };
}
