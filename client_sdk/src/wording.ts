/**
 * The words that a consent's control stands for: its label's, else its own, its aria-label, or those around it.
 * "" where nothing says them.
 */
export function wordsOf({ labels, textContent, ariaLabel, parentNode }: any): string {
  return (labels?.[0]?.textContent || textContent || ariaLabel || parentNode.textContent).replace(/\s+/g, " ").trim();
}
