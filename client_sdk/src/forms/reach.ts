import { type Field, FIELDS, isField } from "./clues";

/** What fields belong to: a form, or the document for those outside any. */
export type Group = HTMLFormElement | Document;
/** What fields are found under. */
export type Root = Document | ShadowRoot;

const FAR_LEFT_PX = -500;
const PAYMENT_FRAME = /pay|card|credit|stripe|決済|カード/i;

/** The first that `seek` finds from a node on outwards, through the shadow roots around it. */
function outwards<Found>(node: Element, seek: (node: Element) => Found): Found | null {
  for (let each: Element | null = node; each; each = (each.getRootNode() as ShadowRoot).host) {
    const found = seek(each);
    if (found) return found;
  }
  return null;
}

/** The form that a field is in. */
export function groupOf(field: Field): Group {
  return outwards(field, (node) => (node as Field).form || node.closest("form")) || field.ownerDocument;
}

/** Is it still in a page or frame that is shown? */
export function isHere(node: Node): unknown {
  return (node.getRootNode({ composed: true }) as Document).defaultView;
}

export function isIgnored(field: Field): unknown {
  return outwards(field, (node) => node.closest("[data-modori-ignore]"));
}

/** Is this document in a frame whose own attributes speak of paying? (A foreign one cannot be reached at all.) */
export function isPayment({ defaultView }: Document): unknown {
  const frame = defaultView?.frameElement as HTMLIFrameElement | null;
  return frame && PAYMENT_FRAME.test(frame.name + frame.id + frame.title + frame.src);
}

/**
 * Shown to the person: a browser's autofill may also fill what a page hides, and robots what lies far to the left of the page.
 * Asks for style, and for layout where something was filled in, so ask seldom.
 */
export function isShown(field: Field): unknown {
  if (field.value && field.getBoundingClientRect().right < FAR_LEFT_PX) return false;
  if (!field.checkVisibility) return field.offsetParent;
  return field.checkVisibility({ visibilityProperty: true, opacityProperty: true });
}

/** Call `found` with every field under a root, through open shadow roots and frames of the same origin. */
export function reach(root: Root, found: (field: Field) => void, entered: (root: Root) => void): void {
  entered(root);
  root.querySelectorAll("*").forEach((node) => {
    if (isField(node)) found(node);
    const within = node.shadowRoot || (node as HTMLIFrameElement).contentDocument;
    if (within) reach(within, found, entered);
  });
}

/** The fields of one form: those that its own tree holds, and of the others those that are in it. */
export function fieldsOf(group: Group, others: Iterable<Field>): Field[] {
  const nodes: Iterable<Element> = "elements" in group ? group.elements : group.querySelectorAll(FIELDS);
  const all = Array.from(new Set([...nodes, ...Array.from(others).filter(isHere)]));
  return all.filter((node): node is Field => isField(node) && groupOf(node) === group);
}
