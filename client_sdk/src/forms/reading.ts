import type { FieldReport, Why } from "../parts";
import { arrange, type Known, type Slot } from "./arrange";
import type { Field } from "./clues";
import { isShown, refusal } from "./reach";
import { type Cards, keepable } from "./values";

const FIELD_LIMIT = 40; // characters of a field's name in a survey

/** A form as it stands. */
export interface Reading {
  fields: Record<string, string>;
  /** 0 to 1: filled among the visible, allowed and required ones (all, where none is required); NaN without any. */
  progress: number;
  /** Of every field, in the order given. */
  reports: Omit<FieldReport, "element">[];
  /** What may be read now. */
  slots: Slot[];
}

/** Why a field must not be read now, or "taken". */
export const whyNot = ({ field, token, why }: Known): Why => {
  const refused = refusal(field) || refusal(field.form);
  if (refused) return refused;
  if (field.type === "password") return field.type;
  if (!token) return why;
  if (field.matches(":disabled")) return "disabled";
  return isShown(field) ? why : "hidden";
};

const textOf = (field: Field): string => {
  const { value } = field;
  const text = value && ((field as HTMLSelectElement).selectedOptions?.[0]?.text ?? value);
  // Looking through a pasted book would hold up the page.
  return value.length > 999 ? "" : text.trim();
};

/** What a slot says: "" for nothing yet, null for what must not be kept. */
const valueOf = ({ token, parts, glue }: Slot, cards: Cards): [token: string, value: string | null] => {
  const texts = parts.map(({ field }) => textOf(field));
  const whole = texts.find((text) => (glue === "@" ? /.@/.test(text) : text.replace(/\D/g, "").length > 8));
  const text = whole || (texts.every(Boolean) ? texts.join(glue).replace(/@+/, "@") : "");
  const value = keepable(token, text, cards);
  // Where a phone number is asked for, many forms take an e-mail address as well.
  const mail = token === "tel" && !value && keepable("email", text, cards);
  return mail ? ["email", mail] : [token, value];
};

/**
 * Read a form through the allow-list: nothing is read of a field before it is known to be allowed.
 *
 * all        its fields in the page's order
 * earlier    what was read before: a field that is hidden now (a finished step) keeps what it said while it was shown
 * unfinished a field that somebody is typing into: it says what it said when it was last left
 */
export const read = (all: Known[], earlier: Record<string, string>, cards: Cards, unfinished: Field | null): Reading => {
  const fields = { ...earlier };
  const lesser: Record<string, boolean | undefined> = {};
  const counted = [0, 0]; // those not required, and those that are
  const filled = [0, 0];
  const arranged = arrange(all);
  const reports = all.map((known): Reading["reports"][0] => {
    const { name, id } = known.clues;
    return { field: (name || id).slice(0, FIELD_LIMIT), token: null, why: whyNot(known) };
  });
  const unread: string[] = [];
  const slots = arranged.filter((slot) => {
    const { parts, again } = slot;
    const mine = parts.map((part) => reports[all.indexOf(part)]!);
    if (mine.some(({ why }) => why !== "taken")) {
      unread.push(slot.token);
      return false;
    }
    const typed = parts.some(({ field }) => field === unfinished);
    const [token, value] = typed ? [slot.token, earlier[slot.token]] : valueOf(slot, cards);
    for (const report of mine) {
      report.token = token;
      if (again) report.why = "confirmation";
      else if (value === null) report.why = "value";
    }
    if (!again) {
      const required = +parts.some(({ field }) => field.required);
      counted[required]!++;
      if (value) filled[required]!++;
    }
    // Of two with one meaning the first that says something counts, the buyer's before a recipient's.
    const less = again || parts[0]!.theirs;
    if (!(token in lesser) || (value && (!fields[token] || (lesser[token] && !less)))) {
      lesser[token] = less;
      if (value) fields[token] = value;
      else delete fields[token];
    }
    return true;
  });
  for (const token of unread) if (earlier[token]) fields[token] = fields[token] || earlier[token]!;
  const required = +!!counted[1];
  return { fields, progress: +(filled[required]! / counted[required]!).toFixed(2), reports, slots };
};
