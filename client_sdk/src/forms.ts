import { fieldMeaning, keepableValue, readableType } from "./fields";
import { clip } from "./text";

type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** What a person has filled in one form. `fields` are WHATWG autocomplete tokens. */
export interface FormState {
  form: string;
  fields: Record<string, string>;
  last_field?: string;
  /** 0 to 1: filled fields among the visible, allowed and required ones (all, where none is required). */
  progress: number;
  submitted: boolean;
}

/** The fields that one form's inputs live in; inputs outside any form share the group null. */
export type Group = HTMLFormElement | null;

const FIELD_TAG = /^(INPUT|SELECT|TEXTAREA)$/;

/** Is this an input whose form is worth watching? Says nothing yet about reading it. */
export function isField(node: unknown): node is Field {
  return FIELD_TAG.test((node as Element | null)?.tagName || "");
}

/**
 * The meaning of a field that may be read, or null: not allowed by name, a password, hidden, disabled, or under
 * `data-modori-ignore`.
 */
export function readableMeaning(field: Field): ReturnType<typeof fieldMeaning> {
  const meaning = fieldMeaning(field.getAttribute("autocomplete"));
  if (!meaning || field.disabled || field.closest("[data-modori-ignore]")) return null;
  return field.tagName !== "INPUT" || readableType(field.type) ? meaning : null;
}

/** Shown to the person: a browser's autofill may also fill what a page hides. */
function isShown(field: Field): boolean {
  if (!field.checkVisibility) return field.offsetParent !== null;
  return field.checkVisibility({ visibilityProperty: true, opacityProperty: true });
}

function valueOf(field: Field): string {
  const chosen = "selectedOptions" in field ? field.selectedOptions[0] : null;
  return chosen && field.value ? chosen.text : field.value;
}

function formName(document: Document, group: Group): string {
  if (!group) return "page";
  const index = Array.prototype.indexOf.call(document.forms, group);
  return clip(group.getAttribute("id") || group.getAttribute("name") || "form-" + index, 64);
}

/**
 * Read a form through the allow-list.
 *
 * earlier  the state read before: a field that is hidden now (a finished step) keeps what it said while it was shown
 * returns  the state, or null for a form that has no field that may be read
 */
export function readForm(document: Document, group: Group, earlier: FormState | undefined): FormState | null {
  const fields: Record<string, string> = { ...earlier?.fields };
  const shipping: Record<string, boolean> = {};
  let counted = 0;
  let filled = 0;
  let onlyRequired = false;
  document.querySelectorAll<Field>("[autocomplete]").forEach((field) => {
    if (!isField(field) || field.form !== group) return;
    const meaning = readableMeaning(field);
    if (!meaning || !isShown(field)) return;
    const value = keepableValue(meaning.token, valueOf(field));
    if (field.required && !onlyRequired) {
      counted = filled = 0;
      onlyRequired = true;
    }
    if (field.required === onlyRequired) {
      counted++;
      if (value) filled++;
    }
    // Of two fields with one meaning the first that says something counts, the buyer's before a recipient's.
    const seen = shipping[meaning.token];
    if (seen === undefined || (value && (!fields[meaning.token] || (seen && !meaning.shipping)))) {
      shipping[meaning.token] = meaning.shipping;
      if (value) fields[meaning.token] = value;
      else delete fields[meaning.token];
    }
  });
  if (!counted) return earlier || null;
  const progress = Math.round((100 * filled) / counted) / 100;
  return { submitted: false, ...earlier, form: formName(document, group), fields, progress };
}
