import { type FormState, type Group, isField, readableMeaning, readForm } from "./forms";

/** Remembers which forms were touched, and reads them only when asked. */
export interface FormWatch {
  /** An input or change event happened. Costs next to nothing and reads no value. */
  touched(target: EventTarget | null, at: number): boolean;
  submitted(target: EventTarget | null, at: number): void;
  /** The states that differ from those given before, each with the time of its last touch, ms. */
  changes(): { state: FormState; at: number }[];
  clear(): void;
}

interface Touch extends Pick<FormState, "submitted" | "last_field"> {
  at: number;
}

export function makeFormWatch(document: Document): FormWatch {
  const touches = new Map<Group, Touch>();
  const known = new Map<Group, FormState>();

  function touch(group: Group, news: Touch): void {
    touches.set(group, { ...touches.get(group), ...news });
  }

  return {
    touched(target, at) {
      if (!isField(target)) return false;
      const meaning = readableMeaning(target);
      touch(target.form, { at, submitted: false, ...(meaning && { last_field: meaning.token }) });
      return true;
    },
    submitted(target, at) {
      touch(target as HTMLFormElement, { at, submitted: true });
    },
    changes() {
      const changed: { state: FormState; at: number }[] = [];
      touches.forEach(({ at, ...said }, group) => {
        const earlier = known.get(group);
        const read = readForm(document, group, earlier);
        if (!read || (!earlier && !Object.keys(read.fields).length)) return;
        const state = { ...read, ...said };
        if (JSON.stringify(state) === JSON.stringify(earlier)) return;
        known.set(group, state);
        changed.push({ state, at });
      });
      touches.clear();
      return changed;
    },
    clear() {
      touches.clear();
      known.clear();
    },
  };
}
