import type { Slot } from "./arrange";
import type { Field } from "./clues";

/** Cut a joined value where its parts met, or after as many characters as the fields hold. */
function partsOf({ parts, glue, token }: Slot, value: string): string[] {
  const cut = glue ? value.split(glue) : [value];
  if (parts.length === 1 || cut.length === parts.length) return parts.length === 1 ? [value] : cut;
  const digits = value.replace(/\D/g, "");
  const tail = token === "tel" ? [-8, -4] : [3];
  const at = [0, ...tail.map((from) => (from < 0 ? digits.length + from : from)), digits.length];
  return parts.map((_, index) => digits.slice(at[index], at[index + 1]));
}

/** Write one field as a person would, so that a framework notices. */
function write(field: Field, text: string): void {
  const page = field.ownerDocument.defaultView as Window & typeof globalThis;
  let value = text;
  if ("options" in field) {
    const option = Array.from(field.options).find((each) => each.text === text || each.value === text);
    if (!option) return;
    value = option.value;
  }
  const setter = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value");
  if (setter && setter.set) setter.set.call(field, value);
  else field.value = value;
  for (const type of ["input", "change"]) field.dispatchEvent(new page.Event(type, { bubbles: true, composed: true }));
}

/** Write values into slots that are still empty; how many of them were written. */
export function fill(slots: Slot[], values: Record<string, string>): number {
  let written = 0;
  for (const slot of slots) {
    const value = values[slot.token];
    const empty = slot.parts.every(({ field }) => !field.value && !(field as HTMLInputElement).readOnly);
    if (!value || !empty || slot.again) continue;
    const texts = partsOf(slot, value);
    slot.parts.forEach(({ field }, at) => write(field, texts[at] || ""));
    written++;
  }
  return written;
}
