/**
 * The words that a consent's control stands for, the first that say something: those of what names it, its label's, its own,
 * its aria-label, its title, or those around it. Undefined where nothing says them.
 *
 * raises  TypeError where there is no control
 */
export function wordsOf({ ariaLabelledByElements: named, labels, textContent, ariaLabel, title, parentNode }: any): string | undefined {
  const naming = named?.map((node: Node) => node.textContent).join(" ");
  const texts = [naming, labels?.[0]?.textContent, textContent, ariaLabel, title, parentNode.textContent];
  return texts.find((text) => text?.trim())?.replace(/\s+/g, " ").trim();
}
