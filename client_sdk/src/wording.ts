/**
 * The words that a consent's control stands for, the first that say something: those of what names it, its label's, its own
 * (of `<input type=submit>` and `type=button` its value), its aria-label, its title, or those around it. Undefined where
 * nothing says them.
 *
 * raises  TypeError where there is no control
 */
export function wordsOf(control: any): string | undefined {
  const naming = control.ariaLabelledByElements?.map((node: Node) => node.textContent).join(" ");
  // What a box or a `<button>` sends is no word that the person saw; a `<button>` has no `defaultValue`.
  const texts = [
    naming,
    control.labels?.[0]?.textContent,
    control.textContent || (/^[sb]u/.test(control.type) ? control.defaultValue : ""),
    control.ariaLabel,
    control.title,
    control.parentNode.textContent,
  ];
  return texts.find((text) => text?.trim())?.replace(/\s+/g, " ").trim();
}
