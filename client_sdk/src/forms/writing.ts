import type { Core } from "../parts";
import type { Slot } from "./arrange";
import type { Field } from "./clues";
import { slotsOf } from "./explain";

/** Cut a joined value where its parts met, or a number that was typed in one piece as such numbers are cut. */
function partsOf({ parts, glue, token }: Slot, value: string): string[] {
  if (parts.length === 1) return [value];
  const cut = value.split(glue);
  if (cut.length === parts.length) return cut;
  const digits = value.replace(/\D/g, "");
  const ends = token === "tel" ? [digits.length - 8, digits.length - 4] : [3];
  return parts.map((_, at) => digits.slice(ends[at - 1] || 0, ends[at]));
}

/** Write one field as a person would, so that a framework notices. */
export function write(field: Field, text: string): void {
  const page = field.ownerDocument.defaultView as Window & typeof globalThis;
  const option = "options" in field && Array.from(field.options).find((each) => each.text === text || each.value === text);
  const setter = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value");
  if (option !== undefined && setter && setter.set) setter.set.call(field, option ? option.value : text);
  for (const type of ["input", "change"]) field.dispatchEvent(new page.Event(type, { bubbles: true, composed: true }));
}

/**
 * Write values back into what the page asks for and is still empty.
 *
 * values   by autocomplete token, as the SDK reported them
 * returns  how many of them were written
 */
export function fill(core: Core, values: Record<string, string>): number {
  let written = 0;
  for (const slot of slotsOf(core)) {
    const value = values[slot.token];
    const empty = slot.parts.every(({ field }) => !field.value && !(field as HTMLInputElement).readOnly);
    if (!value || !empty || slot.again) continue;
    const texts = partsOf(slot, value);
    slot.parts.forEach(({ field }, at) => write(field, texts[at] || ""));
    written++;
  }
  return written;
}
