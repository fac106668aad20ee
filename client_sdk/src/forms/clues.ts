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
  /** The text right before the field, in its row's head or its fieldset's legend; if there is none, right after it. */
  near: string;
  /** What stands between the field before it and this one: "-", "@". */
  before: string;
  /** The text right after the field, where none stands right before it. */
  after: string;
  /** How many characters fit, or less than 1 where that is not said. */
  room: number;
}

export type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** What a person types or chooses in. Says nothing yet about reading it. */
export const FIELDS =
  "select,textarea,input:not([type^=h],[type^=b],[type^=su],[type^=r],[type^=f],[type^=c])";

const NEAR_LIMIT = 60;
const LETTER = /(?!ー)[\p{L}℡〒]/u;

export const isField = (node: Element): node is Field => node.matches(FIELDS);

const trimmed = (text: string) => text.replace(/\s+/g, " ").trim();

const holdsField = (node: Node): unknown =>
  node.nodeType === 1 && (isField(node as Element) || (node as Element).querySelector(FIELDS));

/** The text before a field: up to the previous field, and past it where only a dash or the like lies between. */
const textBefore = (field: Field): [near: string, before: string, level: number] => {
  let before = "";
  let text = "";
  let node: Node | null = field;
  for (let level = 0; node && level < 6 && !/FORM|BODY/.test(node.nodeName); level++) {
    for (let sibling = node.previousSibling; sibling; sibling = sibling.previousSibling) {
      if (holdsField(sibling)) {
        if (level > 2) return ["", before, level];
        before = before || trimmed(text);
        text = "";
      } else {
        // A row of several heads speaks of its columns.
        const row = sibling as HTMLTableRowElement;
        if (row.nodeType !== 8 && !row.cells?.[1]) text = row.textContent + " " + text;
        if (LETTER.test(text.replace(/必須|任意|required/i, ""))) return [trimmed(text).slice(-NEAR_LIMIT), before, level];
      }
    }
    node = node.parentNode;
  }
  return ["", before || trimmed(text), 1];
};

/** The text right after a field. */
const textAfter = (field: Field): string => {
  let text = "";
  let next: Node | null = field;
  while ((next = next.nextSibling) && !LETTER.test(text) && !holdsField(next)) text += next.textContent;
  return LETTER.test(text) ? trimmed(text) : "";
};

/** What stands over a field in the nearest row above that asks for nothing. */
const columnHead = (field: Field): string => {
  const table = field.closest("table");
  let row: HTMLTableRowElement | null | undefined = field.closest("tr");
  while (row && holdsField(row)) row = table!.rows[row.rowIndex - 1];
  return row?.cells[field.closest("td")!.cellIndex]?.textContent || "";
};

/** Read a field's clues. */
export const cluesOf = (field: Field): Clues => {
  const said = (name: string) => field.getAttribute(name) || "";
  const root = field.getRootNode() as Document;
  const labels: (Element | null)[] = said("aria-labelledby").split(/\s+/).map((id) => root.getElementById(id));
  // A label may be around the field, and so around a list of choices.
  const all = labels.concat(...(field.labels || []));
  const label = all.map((node) => node?.textContent!.replace(field.textContent!, ""));
  const [near, before, level] = textBefore(field);
  const after = level ? textAfter(field) : "";
  return {
    autocomplete: said("autocomplete").toLowerCase(),
    type: field.type,
    name: field.name,
    id: field.id,
    label: trimmed(label.join(" ") + said("aria-label")),
    placeholder: said("placeholder") + said("title") + ((field as HTMLSelectElement).options?.[0]?.textContent || ""),
    near: near || after || trimmed(columnHead(field)),
    before,
    after,
    room: (field as HTMLInputElement).maxLength,
  };
};
