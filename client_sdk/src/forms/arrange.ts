import type { Meaning } from "./classify";
import type { Clues, Field } from "./clues";

/** A field and what is known of it. */
export interface Known extends Meaning {
  field: Field;
  clues: Clues;
  /** Not told yet: time with the focus, and how often it was changed again after it had been left. */
  ms: number;
  edits: number;
  /** 1 once it was changed. */
  changes: number;
}

/** One thing that a form asks for, in one field or in several. */
export interface Slot {
  token: string;
  parts: Known[];
  /** What is put between the parts. */
  glue: string;
  /** A repeat of an earlier slot. */
  again: boolean | undefined;
}

const GLUE: Record<string, string> = { tel: "-", "postal-code": "-", email: "@" };

/** Are these two neighbours halves of one thing, by a dash, by their sizes, by names that only a number sets apart or by one caption? */
const belongs = (one: Known, next: Known): unknown => {
  const { token, clues } = next;
  const caption = ({ label, near }: Clues) => label + near;
  const stem = ({ name, id }: Clues) => (name || id).replace(/\d+/g, "");
  const short = ({ room }: Clues) => room > 0 && room < 6;
  const glue = GLUE[token!];
  if (token !== one.token || !(glue || /^name/.test(token!))) return;
  if (glue === "@") return /[@＠]$/.test(clues.before);
  const split = /^[-‐-―−ー－()]$/.test(clues.before) || (short(clues) && short(one.clues));
  const alike = caption(clues) === caption(one.clues);
  return glue ? split || (alike && stem(clues) === stem(one.clues)) : alike && caption(clues);
};

/**
 * Put the fields of one form together: split ones are joined, repeats known as such, and of a name in two fields
 * under one caption the first is the family's where that is Japanese.
 *
 * all  every field of the form in the page's order, with those that are not taken
 */
export const arrange = (all: Known[]): Slot[] => {
  const slots: Slot[] = [];
  all.forEach((known, at) => {
    // "Once more" alone is said of the address before it.
    const alone = known.why === "unknown" && known.again && known.clues.type === "text";
    if (alone && at && all[at - 1]!.token === "email") Object.assign(known, { token: "email", why: "taken" });
    let { token } = known;
    const slot = slots[slots.length - 1]!;
    const joins = at && belongs(all[at - 1]!, known);
    if (!token) return;
    if (joins && GLUE[token]) {
      slot.parts.push(known);
      return;
    }
    const again = known.again && slots.some((earlier) => earlier.token === token);
    if (joins) {
      const asian = /[ぁ-龠]/.test(known.clues.label + known.clues.near);
      slot.token = (asian ? "family-" : "given-") + token;
      token = (asian ? "given-" : "family-") + token;
    }
    slots.push({ token, parts: [known], glue: GLUE[token] || "", again });
  });
  return slots.filter(({ token, parts }) => {
    // Four numbers in a row are a card's, whatever they say.
    return !parts[token === "tel" ? 3 : 2] || parts.forEach((part) => Object.assign(part, { token: null, why: "card" }));
  });
};
