import { makeFormWatch } from "../formwatch";
import type { Core, FormWatch } from "../parts";

/** Watch the page's forms. Listens cheaply, and reads only when asked for changes. */
export function startForms(core: Core): FormWatch {
  const { document, Date } = core.page;
  const forms = makeFormWatch(document);
  const touch = ({ target }: Event) => {
    if (forms.touched(target, Date.now())) core.soon();
  };
  // What was typed before this script came.
  document.querySelectorAll<HTMLInputElement>("input,textarea").forEach((field) => {
    if (field.value && field.value !== field.defaultValue) forms.touched(field, Date.now());
  });
  core.on(document, "input", touch);
  core.on(document, "change", (event) => {
    touch(event);
    core.collect();
  });
  core.on(document, "submit", ({ target }) => {
    forms.submitted(target, Date.now());
    core.collect();
  });
  return { changes: forms.changes, clear: forms.clear, explain: () => [], fill: () => 0 };
}
