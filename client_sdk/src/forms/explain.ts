import type { Core, FieldReport } from "../parts";
import type { Known, Slot } from "./arrange";
import { classify } from "./classify";
import { cluesOf, type Field } from "./clues";
import { groupOf, type Group, reach } from "./reach";
import { read, type Reading } from "./reading";

/*
 * For the parts that are loaded on demand: they look at a page anew and carry what they need themselves, so that the
 * part which every form loads stays small.
 */

/** Every form in reach, read as the forms part would. */
function readAll(core: Core): (Reading & { all: Known[] })[] {
  const groups = new Map<Group, Field[]>();
  const found = (field: Field) => {
    const group = groupOf(field);
    groups.set(group, [...(groups.get(group) || []), field]);
  };
  reach(core.page.document, found, () => {});
  return Array.from(groups.values(), (fields) => {
    const all = fields.map((field) => {
      const clues = cluesOf(field);
      return { ...classify(clues), field, clues, ms: 0, edits: 0, changes: 0 };
    });
    return { all, ...read(all, {}, core, null) };
  });
}

/** Every field in reach, taken or not, and why. */
export function explain(core: Core): FieldReport[] {
  return readAll(core).flatMap(({ all, reports }) =>
    reports.map((report, at) => ({ element: all[at]!.field, ...report })),
  );
}

/** What the page asks for and may be read now. */
export function slotsOf(core: Core): Slot[] {
  return readAll(core).flatMap(({ slots }) => slots);
}
