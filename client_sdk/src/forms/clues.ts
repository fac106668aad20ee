/** What a field says of itself, read once. Reading touches no value and asks for no layout. */
export interface Clues {
  autocomplete: string;
  /** An input's `type`, `select-one` or `textarea`. */
  type: string;
  name: string;
  id: string;
  /** Its labels, aria-label and what aria-labelledby points to. */
  label: string;
  /** Its placeholder and its title. */
  placeholder: string;
  /** The text right before the field: in its row's head or its fieldset's legend, if nowhere nearer. */
  near: string;
  /** What stands between the field before it and this one: "-", "@". */
  before: string;
  /** How many characters fit, or less than 1 where that is not said. */
  room: number;
}

export type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** Where fields may be. */
export const FIELDS = "input,select,textarea";

const NO_FIELD = /^(hidden|button|submit|reset|image|file|range|color|checkbox|radio)$/;
const SILENT = /comment|SCRIPT|STYLE|SELECT|TEXTAREA|BUTTON/;
const WITHIN_A_WORD = /^([BIU]|EM|FONT|STRONG|#text)$/;
const NEAR_LIMIT = 60;
const TEXT_LIMIT = 200;

/** Is this something that a person types or chooses in? Says nothing yet about reading it. */
export function isField(node: unknown): node is Field {
  const { tagName, type } = Object(node);
  return /^(INPUT|SELECT|TEXTAREA)$/.test(tagName) && !NO_FIELD.test(type);
}

/** The text in a node, but for what scripts, buttons and lists of choices hold. */
function textOf(node: Node | null): string {
  if (!node || SILENT.test(node.nodeName)) return "";
  let text = node.nodeValue || "";
  for (let child = node.firstChild; child && text.length < TEXT_LIMIT; child = child.nextSibling) text += textOf(child);
  return WITHIN_A_WORD.test(node.nodeName) ? text : " " + text + " ";
}

const trimmed = (text: string) => text.replace(/\s+/g, " ").trim();

/** The text before a field: up to the previous field, and past it where only a dash or the like lies between. */
function textBefore(field: Field): [near: string, before: string] {
  let before = "";
  let text = "";
  let node: Node | null = field;
  for (let level = 0; node && level < 6 && !/FORM|BODY/.test(node.nodeName); level++) {
    for (let sibling = node.previousSibling; sibling; sibling = sibling.previousSibling) {
      const inside = sibling.nodeType === 1 ? (sibling as Element).querySelectorAll(FIELDS) : [];
      if ([sibling, ...Array.from(inside)].some(isField)) {
        if (level > 2) return ["", before];
        before = before || trimmed(text);
        text = "";
      } else {
        text = textOf(sibling) + text;
        if (/\p{L}/u.test(text.replace(/必須|任意|required|optional/i, ""))) return [trimmed(text).slice(-NEAR_LIMIT), before];
      }
    }
    node = node.parentNode;
  }
  return ["", before || trimmed(text)];
}

/** Read a field's clues. */
export function cluesOf(field: Field): Clues {
  const said = (name: string) => field.getAttribute(name) || "";
  const root = field.getRootNode() as Document;
  const pointed = said("aria-labelledby").split(/\s+/).map((id) => textOf(root.getElementById(id)));
  const [near, before] = textBefore(field);
  return {
    autocomplete: said("autocomplete").toLowerCase(),
    type: field.type,
    name: field.name,
    id: field.id,
    label: trimmed([...Array.from(field.labels || [], textOf), said("aria-label"), ...pointed].join(" ")),
    placeholder: said("placeholder") + " " + said("title"),
    near,
    before,
    room: (field as HTMLInputElement).maxLength,
  };
}
