import type { Core, FieldReport, FormState, FormWatch } from "../parts";
import { clip } from "../text";
import type { Known } from "./arrange";
import { classify } from "./classify";
import { cluesOf, type Field, isField } from "./clues";
import { documentOf, fieldsOf, type Group, groupOf, isAlive, reach, type Root } from "./reach";
import { isReadable, read, type Reading } from "./reading";
import { fill } from "./writing";

/** A form as a person sees it: it outlives its elements, which single-page apps replace. */
interface Watched {
  group: Group;
  name: string;
  /** The last touch, ms, or 0 where it was told. */
  at: number;
  touched: Field | null;
  submitted: boolean;
  state: FormState | null;
  survey: string;
}

const NAME_LIMIT = 64;
const SURVEY_LIMIT = 80;
const SLICE_MS = 8;
const FIRST_LOOK = 300; // fields
const HEARD = ["input", "change", "submit", "focusin", "focusout", "compositionstart", "compositionend", "load"];

/** Watch the page's forms. Events are only noted; what was typed is read when changes are asked for. */
export function startForms(core: Core): FormWatch {
  const { page, safely } = core;
  const now = () => page.Date.now();
  const knowns = new WeakMap<Field, Known>();
  const shadowed = new Map<Group, Set<Field>>(); // fields in shadow roots, which no form lists
  const left = new WeakSet<Field>();
  let spent = new WeakMap<Field, { ms: number; edits: number }>();
  let watched: Watched[] = [];
  let unseen: Field[] = [];
  let looking = false;
  let focus: Field | null = null;
  let focusAt = 0;
  let composing: Field | null = null;

  /** What a field means, found out once, and again where a framework has changed what it is called. */
  function know(field: Field): Known {
    const known = knowns.get(field);
    if (known) {
      const { type, name, id } = known.clues;
      if (type === "password" || (type === field.type && name === field.name && id === field.id)) return known;
    }
    const clues = cluesOf(field);
    const fresh = { ...classify(clues), field, clues };
    knowns.set(field, fresh);
    return fresh;
  }

  function watchedOf(group: Group): Watched {
    let form = watched.find((each) => each.group === group);
    if (form) return form;
    let name = "page";
    if (group.nodeType !== 9) {
      const { ownerDocument } = group as HTMLFormElement;
      const said = (attribute: string) => (group as HTMLFormElement).getAttribute(attribute);
      name = clip(said("id") || said("name") || "form-" + [].indexOf.call(ownerDocument.forms, group as never), NAME_LIMIT);
    }
    // Where a form has gone and one of its name appears, it is the same one.
    while ((form = watched.find((each) => each.name === name)) && isAlive(form.group)) name += "+";
    if (!form) {
      form = { group, name, at: 0, touched: null, submitted: false, state: null, survey: "" };
      watched.push(form);
    }
    form.group = group;
    return form;
  }

  function readForm(group: Group, earlier?: FormState | null): Reading {
    const fields = fieldsOf(group);
    (shadowed.get(group) || []).forEach((field) => {
      if (field.isConnected && !fields.includes(field)) fields.push(field);
    });
    return read(fields.map(know), earlier ? earlier.fields : {}, composing);
  }

  /** Add to what a field has cost its person. */
  function spend(field: Field, ms: number, edits: number): void {
    const sum = spent.get(field) || { ms: 0, edits: 0 };
    spent.set(field, { ms: sum.ms + ms, edits: sum.edits + edits });
  }
  function lap(): void {
    const at = now();
    if (focus) spend(focus, at - focusAt, 0);
    focusAt = at;
  }

  /** A form's new state, or null where it says nothing new. */
  function changeOf(form: Watched): FormState | null {
    const earlier = form.state;
    const { fields, progress, reports } = readForm(form.group, earlier);
    if (!earlier && (progress === null || !Object.keys(fields).length)) return null;
    const times: NonNullable<FormState["times"]> = { ...earlier?.times };
    let last = earlier?.last_field;
    reports.forEach(({ element, token }) => {
      if (!token) return;
      if (element === form.touched) last = token;
      const more = spent.get(element as Field);
      const sum = times[token] || { ms: 0, edits: 0 };
      if (more) times[token] = { ms: sum.ms + more.ms, edits: sum.edits + more.edits };
      spent.delete(element as Field);
    });
    const state: FormState = {
      form: form.name,
      fields,
      progress: progress === null && earlier ? earlier.progress : progress || 0,
      submitted: form.submitted,
      ...(last && { last_field: last }),
      times,
    };
    const same = (a: FormState) => JSON.stringify([a.fields, a.progress, a.submitted, a.last_field]);
    const news = !earlier || (form.at ? same(state) !== same(earlier) : same({ ...earlier, fields }) !== same(earlier));
    form.state = state;
    if (!news) return null;
    const survey = reports.slice(0, SURVEY_LIMIT).map(({ field, token, why }) => ({ field, token, why }));
    const surveyed = JSON.stringify(survey);
    if (surveyed === form.survey) return state;
    form.survey = surveyed;
    return { ...state, survey };
  }

  function touch(field: Field, submitted = false): void {
    const form = watchedOf(groupOf(field));
    form.at = now();
    form.touched = field;
    form.submitted = submitted;
    core.soon();
  }

  /** Take note of a field that may be new: those in shadow roots are remembered, all are looked at before long. */
  function meet(field: Field): void {
    const root = field.getRootNode();
    if (root !== field.ownerDocument) {
      const group = groupOf(field);
      shadowed.set(group, (shadowed.get(group) || new Set()).add(field));
    }
    if (!knowns.has(field)) unseen.push(field);
    if (!looking && unseen.length) page.setTimeout(look, 0);
    looking = unseen.length > 0;
  }

  /** Find out what the next fields mean, a few ms at a time, and which were filled in before this script came. */
  const look = safely(() => {
    const until = now() + SLICE_MS;
    while (unseen.length && now() < until) {
      const field = unseen.shift() as Field;
      const known = know(field);
      if (isReadable(known) && "defaultValue" in field && field.value !== field.defaultValue) touch(field);
    }
    looking = false;
    if (unseen.length) meet(unseen[0] as Field);
  });

  const hear = safely((event: Event) => {
    const { type } = event;
    let target = event.target as Element | null;
    if (target && target.shadowRoot) {
      const path = event.composedPath() as Element[];
      target = path[0] as Element;
      path.forEach((node) => node.nodeType === 11 && listen(node as unknown as Root));
    }
    if (type === "load") {
      const within = target && /FRAME$/.test(target.tagName) && documentOf(target);
      if (within) reach(within, meet, listen);
    } else if (type === "submit") {
      const form = watchedOf(target as HTMLFormElement);
      form.at = now();
      form.submitted = true;
      core.collect();
      core.soon();
    } else if (isField(target)) {
      const field = target;
      if (type === "focusin") {
        lap();
        focus = field;
        fieldsOf(groupOf(field)).forEach(meet);
        meet(field);
      } else if (type === "focusout") {
        lap();
        left.add(field);
        focus = composing = null;
        core.soon();
      } else {
        if (type === "compositionstart") composing = field;
        if (type === "compositionend") composing = null;
        if (left.delete(field)) spend(field, 0, 1);
        touch(field);
        if (type === "change") core.collect();
      }
    }
  });

  function listen(root: Root): void {
    // The same listener twice is one. What crosses a shadow root is heard outside it.
    const heard = root.nodeType === 9 ? HEARD : ["change", "submit"];
    heard.forEach((type) => root.addEventListener(type, hear, { capture: true, passive: true }));
  }

  /** Every form in reach. */
  function groups(): Group[] {
    const found = new Set<Group>();
    const note = (field: Field) => {
      meet(field);
      found.add(groupOf(field));
    };
    reach(page.document, note, listen);
    return Array.from(found);
  }

  listen(page.document);
  page.setTimeout(
    safely(() => {
      groups();
      unseen.length = Math.min(unseen.length, FIRST_LOOK);
    }),
    0,
  );

  return {
    changes() {
      const changed: { state: FormState; at: number }[] = [];
      lap();
      watched.forEach((form) => {
        if (!form.at && !form.state) return;
        const state = changeOf(form);
        if (state) changed.push({ state, at: form.at || now() });
        form.at = 0;
      });
      return changed;
    },
    clear() {
      watched = [];
      spent = new WeakMap();
    },
    explain: () => groups().reduce<FieldReport[]>((all, group) => all.concat(readForm(group).reports), []),
    fill: (fields) => groups().reduce((sum, group) => sum + fill(readForm(group).slots, fields), 0),
  };
}
