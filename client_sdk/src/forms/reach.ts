import type { Why } from "../parts";
import { type Field, FIELDS, isField } from "./clues";

/** What fields belong to: a form, or the document for those outside any. */
export type Group = HTMLFormElement | Document;
/** What fields are found under. */
export type Root = Document | ShadowRoot;

const PAYMENT_FRAME = /pay|card|credit|stripe|決済|カード/i;

/** Fields that somebody was in. */
export const visited = new WeakSet<Field>();

/**
 * What a node is shown in: a slot, its parent, the host of its shadow root, or the frame of its document. Where a form calls its
 * fields like these members there may be no end: who asks goes on by calling itself, so that it ends in an error.
 */
const around = (node: any): any =>
  node.assignedSlot || node.parentNode || (node.nodeType === 11 ? node.host : node.defaultView?.frameElement);

/** The form that a field is in, through the shadow roots around it. */
export const groupOf = (node: any): Group => {
  if (node.nodeType === 9) return node;
  return node.form || (node.nodeName === "FORM" ? node : groupOf(around(node) || node.ownerDocument));
};

/** Is it still in a page or frame that is shown? */
export const isHere = (node: Node): unknown => {
  return (node.getRootNode({ composed: true }) as Document).defaultView;
};

/**
 * Why nothing may be read here, by what it stands in as it is shown: through slots, shadow roots and frames.
 * (A foreign frame cannot be reached at all.)
 */
export const refusal = (node: any): Why | undefined => {
  if (node?.hasAttribute?.("data-modori-ignore")) return "ignored";
  if (node?.contentDocument && PAYMENT_FRAME.test(node.name + node.id + node.title + node.src)) return "frame";
  return node?.contentDocument && !isShown(node) ? "hidden" : node && refusal(around(node));
};

/**
 * Shown to the person: a browser's autofill may also fill what a page hides, and robots what lies beside the page.
 * Asks for style, and for layout where something was filled in that nobody was in, so ask seldom.
 */
export const isShown = (node: Element): unknown => {
  const field = node as Field;
  // These names are older than `opacityProperty` and `visibilityProperty`, and known wherever those are.
  const shown = node.checkVisibility
    ? node.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })
    : field.offsetParent;
  // A list that a page shows as something of its own is no trap.
  if (!shown || !field.value || visited.has(field) || "options" in field) return shown;
  const { x, y, height } = node.getBoundingClientRect();
  const there = (node.getRootNode() as Document).elementsFromPoint?.(x + 3, y + height / 2);
  // Below the screen, be it in part, and above it nothing is hit, but one can scroll there; not to what lies above the page.
  return !there || there.includes(node) || (x > -9 && y > (y < 0 ? -scrollY : innerHeight - height));
};

/** Call `found` with every field under a root, through open shadow roots and frames of the same origin. */
export const reach = (root: Root, found: (field: Field) => void, entered: (root: Root) => void): void => {
  entered(root);
  root.querySelectorAll("*").forEach((node) => {
    if (isField(node)) found(node);
    const within = node.shadowRoot || (node as HTMLIFrameElement).contentDocument;
    if (within) reach(within, found, entered);
  });
};

/** The fields of one form: those that its own tree holds, and of the others those that are in it. */
export const fieldsOf = (group: Group, others: Iterable<Field>): Field[] => {
  const nodes = (group.getRootNode() as Document).querySelectorAll(FIELDS);
  const all = [...new Set([...nodes, ...[...others].filter(isHere)])] as Field[];
  return all.filter((node) => isField(node) && groupOf(node) === group);
};
