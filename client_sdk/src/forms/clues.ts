/** What a field says of itself, read once. Reading touches no value and asks for no layout. */
export interface Clues {
  autocomplete: string;
  /** An input's `type`, `select-one` or `textarea`. */
  type: string;
  name: string;
  id: string;
  /** Its labels, aria-label and what aria-labelledby points to. */
  label: string;
  placeholder: string;
  /** The text right before the field, its row's head, its fieldset's legend. */
  near: string;
  /** What stands between the previous field and this one: "-", "@". */
  before: string;
  /** How many characters fit, or 0 where that is not said. */
  room: number;
}

export type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** Where fields may be. */
export const FIELDS = "input,select,textarea";

const FIELD = /^(INPUT|SELECT|TEXTAREA)$/;
const SILENT = /^(SCRIPT|STYLE|NOSCRIPT|TEMPLATE|SELECT|OPTION|TEXTAREA|BUTTON)$/;
const BUTTON = /^(hidden|button|submit|reset|image|file|range|color|checkbox|radio)$/;
const WITHIN_A_WORD = /^(B|EM|FONT|I|SMALL|STRONG|U)$/;
const NEAR_LIMIT = 60;

/** Is this something that a person types or chooses in? Says nothing yet about reading it. */
export function isField(node: unknown): node is Field {
  const element = node as Field | null;
  return !!element && FIELD.test(element.tagName) && !BUTTON.test(element.type);
}

/** The text in a node, but for what scripts, buttons and lists of choices hold. */
function textOf(node: Node | null): string {
  if (!node) return "";
  if (node.nodeType === 3) return node.nodeValue || "";
  if (node.nodeType !== 1 || SILENT.test(node.nodeName)) return "";
  let text = "";
  for (let child = node.firstChild; child && text.length < 200; child = child.nextSibling) text += textOf(child);
  return WITHIN_A_WORD.test(node.nodeName) ? text : " " + text + " ";
}

function trimmed(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

function holdsField(node: Node): boolean {
  return isField(node) || Array.prototype.some.call((node as Element).querySelectorAll?.(FIELDS) || [], isField);
}

/** The text before a field: up to the previous field, and past it where only a dash or the like lies between. */
function textBefore(field: Field): [near: string, before: string] {
  let before: string | undefined;
  let text = "";
  let node: Node = field;
  for (let level = 0; level < 6; level++) {
    for (let sibling = node.previousSibling; sibling; sibling = sibling.previousSibling) {
      if (holdsField(sibling)) {
        if (before === undefined) before = trimmed(text);
        if (/[\p{L}\p{N}]/u.test(before)) return [before, before];
        text = "";
        if (level > 1) return ["", before];
        continue;
      }
      text = textOf(sibling) + " " + text;
      const said = trimmed(text);
      if (/\p{L}/u.test(said)) return said.length > NEAR_LIMIT && !before ? [said.slice(-NEAR_LIMIT), before || ""] : [said, before || ""];
    }
    const parent = node.parentNode;
    if (!parent || /^(FORM|BODY|FIELDSET|TABLE|UL|OL|DL)$/.test(parent.nodeName) || parent.nodeType !== 1) break;
    node = parent;
  }
  return ["", before || ""];
}

/** Read a field's clues. */
export function cluesOf(field: Field): Clues {
  const said = (name: string) => field.getAttribute(name) || "";
  const root = field.getRootNode() as Document;
  const pointed = said("aria-labelledby").split(/\s+/).map((id) => id && textOf(root.getElementById?.(id)));
  const labels = Array.from(field.labels || []).map(textOf);
  const legend = field.closest("fieldset")?.querySelector("legend");
  const [near, before] = textBefore(field);
  return {
    autocomplete: said("autocomplete"),
    type: field.type,
    name: field.name,
    id: field.id,
    label: trimmed([...labels, said("aria-label"), ...pointed].join(" ")),
    placeholder: trimmed(said("placeholder") + " " + said("title")),
    near: near || trimmed(textOf(legend || null)),
    before,
    room: Math.max(0, (field as HTMLInputElement).maxLength || 0),
  };
}
