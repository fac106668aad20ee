import { type Field, FIELDS, isField } from "./clues";

/** What fields belong to: a form, or the document for those outside any. */
export type Group = HTMLFormElement | Document;
/** What fields are found under. */
export type Root = Document | ShadowRoot;

const PAYMENT_FRAME = /pay|card|credit|stripe|決済|カード/i;

/** The shadow root's host, or null for a node of the document itself. */
const hostOf = (node: Node) => (node.getRootNode() as ShadowRoot).host || null;

/** The form that a field is in, past the shadow roots around it. */
export function groupOf(field: Field): Group {
  for (let node: Element | null = field; node; node = hostOf(node)) {
    const form = (node as Field).form || node.closest("form");
    if (form) return form;
  }
  return field.ownerDocument;
}

export function isIgnored(field: Field): boolean {
  for (let node: Element | null = field; node; node = hostOf(node)) {
    if (node.closest("[data-modori-ignore]")) return true;
  }
  return false;
}

/** Is this document in a frame whose own attributes speak of paying? (A foreign one cannot be reached at all.) */
export function isPayment(document: Document): boolean {
  const frame = document.defaultView && document.defaultView.frameElement;
  return !!frame && ["name", "id", "title", "src"].some((name) => PAYMENT_FRAME.test(frame.getAttribute(name) || ""));
}

/** Shown to the person: a browser's autofill may also fill what a page hides. Asks for style, so ask seldom. */
export function isShown(field: Field): boolean {
  if (!field.checkVisibility) return field.offsetParent !== null;
  return field.checkVisibility({ visibilityProperty: true, opacityProperty: true });
}

/** Call `found` with every field under a root, through open shadow roots and frames of the same origin. */
export function reach(root: Root, found: (field: Field) => void, entered: (root: Root) => void): void {
  entered(root);
  root.querySelectorAll("*").forEach((node) => {
    if (isField(node)) found(node);
    const within = node.shadowRoot || (/FRAME$/.test(node.tagName) && documentOf(node));
    if (within) reach(within, found, entered);
  });
}

/** The document in a frame, or null where it is another origin's. */
export function documentOf(frame: Element): Document | null {
  try {
    return (frame as HTMLIFrameElement).contentDocument;
  } catch {
    return null;
  }
}

/** The fields of one form that its own tree holds. */
export function fieldsOf(group: Group): Field[] {
  const nodes: ArrayLike<Element> = group.nodeType === 9 ? group.querySelectorAll(FIELDS) : (group as HTMLFormElement).elements;
  return Array.from(nodes).filter((node): node is Field => isField(node) && groupOf(node) === group);
}

/** Is a form still part of a page? */
export function isAlive(group: Group): boolean {
  return group.nodeType === 9 ? !!(group as Document).defaultView : group.isConnected;
}
