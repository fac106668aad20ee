import type { Core, FormState, FormWatch } from "../parts";
import type { Known } from "./arrange";
import { classify, type Meaning } from "./classify";
import { cluesOf, type Field, isField } from "./clues";
import { fieldsOf, type Group, groupOf, isHere, reach, type Root, visited } from "./reach";
import { read, whyNot } from "./reading";

/** A form as a person sees it: it outlives its elements, which single-page apps replace by others of the same name. */
interface Watched {
  group: Group;
  /** The last touch, ms, and the field that it was in. */
  at: number;
  touched: Field | null | undefined;
  state: FormState;
  /** What was said last, as JSON. */
  said?: string;
  survey?: string;
  /** Of the submit that was the last touch; a page may refuse it. */
  submit?: Event;
}

const NAME_LIMIT = 64;
const SURVEY_LIMIT = 80;
const COMMIT_MS = 300; // a page that goes ends what is being composed
const HEARD = "input change submit keydown focusin focusout compositionend load".split(" ");

const captionOf = ({ label, placeholder }: Known["clues"]) => label + placeholder;
/** Taken or unknown: it asks for no secret. */
const isOpen = ({ why }: Meaning) => /n$/.test(why);
const hasFocus = (field: Field) => (field.getRootNode() as Document).activeElement === field;

/** Watch the page's forms. Events are only noted; what was typed is read when changes are asked for. */
export const startForms = (core: Core): FormWatch => {
  const { page } = core;
  const now = () => page.Date.now();
  const knowns = new WeakMap<Field, Known>();
  const stale = new WeakSet<Field>(); // somebody was at them since they were understood
  const shadowed = new Set<Field>(); // fields in shadow roots, which no form lists
  const watched = new Map<string, Watched>();
  let focus: Known | null = null;
  let focusAt = now();
  let composing: Field | null = null;
  let composedAt = 0;
  let typing: Field | null = null; // typed into, and not left since

  /**
   * What a field means. It is found out anew where a framework has changed what it is called, and where somebody was at it:
   * then its captions may have changed. What asked for a secret asks for one as long as it is called the same.
   */
  const know = (field: Field): Known => {
    let known = knowns.get(field);
    const { type, name, id } = known?.clues || {};
    const same = type === "password" || (type === field.type && name === field.name && id === field.id);
    if (same && !(isOpen(known!) && stale.delete(field))) return known!;
    const clues = cluesOf(field);
    const meaning = classify(clues);
    const said = captionOf(clues);
    // Pages take placeholders away while somebody types, and put messages between a field and its caption.
    if (same && isOpen(meaning) && (!said || said === captionOf(known!.clues))) return known!;
    known = Object.assign(known || { field, ms: 0, edits: 0, changes: 0 }, meaning, { clues });
    knowns.set(field, known);
    return known;
  };

  /** A form's new state, or null where it says nothing new. What is `unfinished` is not read. */
  const changeOf = (form: Watched, unfinished: Field | null): FormState | null => {
    const { group, state } = form;
    const all = fieldsOf(group, shadowed).map(know);
    const { fields, progress, reports, slots } = read(all, state.fields, core, unfinished);
    state.fields = fields;
    if (progress >= 0) state.progress = progress;
    const times = state.times!;
    for (const { token, parts } of slots) {
      for (const part of parts) {
        if (part.field === form.touched) state.last_field = token;
        if (part.ms + part.edits) {
          const time = (times[token] ||= { ms: 0, edits: 0 });
          time.ms += part.ms;
          time.edits += part.edits;
          part.ms = part.edits = 0;
        }
      }
    }
    const said = JSON.stringify({ ...state, times: 0 });
    if (said === form.said || !(form.said || Object.keys(fields)[0])) return null;
    form.said = said;
    const survey = reports.slice(0, SURVEY_LIMIT);
    const surveyed = JSON.stringify(survey);
    if (surveyed === form.survey) return state;
    form.survey = surveyed;
    return { ...state, survey };
  };

  /** Count the time that the field with the focus has cost until now. */
  const lap = (): void => {
    if (focus) focus.ms += now() - focusAt;
    focusAt = now();
  };

  /**
   * Note that somebody was in a field, or sent a form.
   *
   * came  somebody only came to the field: that counts where it takes the place of the one that was last typed into, which a
   *       framework took away
   */
  const touch = (group: Group, touched: Field | null, came?: boolean): void => {
    const said = (attribute: string) => (group as HTMLFormElement).getAttribute(attribute);
    const index = () => [...group.ownerDocument!.forms].indexOf(group as HTMLFormElement);
    let name = "elements" in group ? (said("id") || said("name") || "form-" + index()).slice(0, NAME_LIMIT) : "page";
    // Two that are here at once, in frames or shadow roots, are two, whatever they are called.
    let known: Watched | undefined;
    while ((known = watched.get(name)) && known.group !== group && isHere(known.group)) name += "+";
    if (came) {
      if (!known || known.state.submitted || isHere(known.touched!)) return;
      typing = touched;
    }
    const state = { fields: {}, progress: 0, times: {}, ...known?.state, form: name, submitted: !touched };
    watched.set(name, { ...known, group, at: now(), touched: touched || known?.touched, state });
    core.soon();
  };

  /** What was typed is finished. */
  const leave = (): void => {
    typing = null;
    core.collect();
  };

  /** Remember a field in a shadow root, and say what it belongs to. */
  const meet = (field: Field): Group => {
    if (field.getRootNode() !== field.ownerDocument) shadowed.add(field);
    return groupOf(field);
  };

  /** Look at a field for the first time: was it filled in before this script came? */
  const look = (field: Field): void => {
    const group = meet(field);
    if (hasFocus(field)) {
      // A page may have brought the person here, or the person have come first.
      typing = field;
      focus = know(field);
    }
    if (whyNot(know(field)) !== "taken") return;
    const { value, defaultValue = value } = field as HTMLInputElement;
    if (value !== defaultValue) touch(group, field);
  };

  const hear = core.safely((event: Event) => {
    const { type } = event;
    const path = event.composedPath();
    const target = path[0] as Element;
    if (type === "load") {
      const within = (target as HTMLIFrameElement).contentDocument;
      if (within) reach(within, look, listen);
    } else if (type === "submit") {
      touch(target as HTMLFormElement, null);
      leave();
    } else if (target.nodeType === 1 && isField(target)) {
      if (type === "keydown") {
        // A page that heeds this key itself may take the field away without its being left.
        if ((event as KeyboardEvent).key === "Enter") leave();
        return;
      }
      const group = meet(target);
      stale.add(target);
      if (type === "input") typing = target;
      if ((event as InputEvent).isComposing) composing = target;
      if (/^focus/.test(type)) {
        typing = null;
        lap();
        focus = type === "focusin" ? know(target) : null;
        visited.add(target);
        touch(group, target, true);
        // What does not cross a shadow root is heard within it.
        (path as Node[]).map((node) => node.nodeType === 11 && listen(node as ShadowRoot));
        return;
      }
      if (type === "compositionend") {
        composing = null;
        composedAt = now();
      }
      touch(group, target);
      if (type === "change") {
        const known = know(target);
        known.edits += known.changes;
        known.changes = 1;
        leave();
      }
    }
  });

  const listen = (root: Root): void => {
    HEARD.map((type) => root.addEventListener(type, hear, true));
  };

  reach(page.document, look, listen);

  return {
    changes(leaving) {
      // A page may say `input` of fields that nobody is in.
      const typed = typing && hasFocus(typing) && (!leaving || now() - composedAt < COMMIT_MS) ? typing : null;
      const muted = composing && isHere(composing) && groupOf(composing);
      const changed: { state: FormState; at: number }[] = [];
      lap();
      watched.forEach((form) => {
        const state = form.group !== muted && changeOf(form, typed);
        if (state) changed.push({ state, at: form.at });
      });
      return changed;
    },
    forget: () => watched.clear(),
  };
};
