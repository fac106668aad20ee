import type { Meaning } from "./classify";
import type { Clues, Field } from "./clues";

/** A field and what is known of it. */
export interface Known extends Meaning {
  field: Field;
  clues: Clues;
  /** Time with the focus that was not told yet, and how often it was changed again after it had been left. */
  ms: number;
  edits: number;
  left: boolean;
}

/** One thing that a form asks for, in one field or in several. */
export interface Slot {
  token: string;
  parts: Known[];
  /** What is put between the parts. */
  glue: string;
  /** A repeat of an earlier slot. */
  again: boolean;
}

const GLUE: Record<string, string> = { tel: "-", "postal-code": "-", email: "@", name: " ", "name-kana": " " };

/** Are these two neighbours halves of one thing, by a dash, by their sizes or by names that only a number sets apart? */
function belongs(one: Known, next: Known): boolean {
  const { token, clues } = next;
  const said = ({ name, id, label, near }: Clues) => [(name || id).replace(/\d+/g, ""), label, near].join("\n");
  const short = ({ room }: Clues) => room > 0 && room < 6;
  if (token !== one.token || !token || !GLUE[token]) return false;
  if (token === "email") return !!next.domain && !one.domain;
  return said(clues) === said(one.clues) || (/tel|post/.test(token) && (/^[-‐-―−ー－()]$/.test(clues.before) || (short(clues) && short(one.clues))));
}

/**
 * Put the fields of one form together: split ones are joined, repeats known as such, and of a name in two fields
 * under one Japanese caption the first is the family's.
 *
 * all  every field of the form in the page's order, with those that are not taken
 */
export function arrange(all: Known[]): Slot[] {
  const slots: Slot[] = [];
  const has = (token: string) => slots.some((slot) => slot.token === token);
  all.forEach((known, at) => {
    const { token, clues } = known;
    if (!token) return;
    const slot = slots[slots.length - 1] as Slot;
    const one = all[at - 1];
    const joins = one && belongs(one, known);
    const apart = joins && /name/.test(token) && /[\u3040-\u9fff]/.test(clues.label + clues.near);
    if (joins && !apart) {
      slot.parts.push(known);
      return;
    }
    const again = !!known.again && has(token);
    slots.push({ token: apart ? token.replace("name", "given-name") : token, parts: [known], glue: GLUE[token] || "", again });
    if (apart) slot.token = token.replace("name", "family-name");
    // Two lines under one caption.
    if (slot && slot.token === token && one === slot.parts[0] && /^str|line1$/.test(token)) {
      slot.token = "address-line1";
      slots[slots.length - 1]!.token = "address-line2";
    }
  });
  return slots.filter((slot) => {
    if (slot.token === "name" && has("given-name") && !has("family-name")) slot.token = "family-name";
    // Four numbers in a row are a card's, whatever they say.
    if (slot.parts.length <= (slot.token === "tel" ? 3 : 2)) return true;
    for (const part of slot.parts) Object.assign(part, { token: null, why: "card" });
    return false;
  });
}
