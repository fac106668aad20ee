const NEAR_LIMIT = 300;

/**
 * The words that a consent's control stands for, first what a person sees: its labels', its own, its aria-labelledby's,
 * those right beside or around it, if they are few; then its aria-label or title. "" where nothing says them.
 */
export function wordsOf(control: any): string {
  const { labels, ariaLabelledByElements: named, nextSibling, parentNode, ariaLabel, title } = control;
  const texts = [labels, [control], named, [nextSibling], [parentNode]].map((nodes) =>
    [...(nodes || [])].map((node) => node?.textContent).join(" ").replace(/\s+/g, " ").trim(),
  );
  return texts.find((text, at) => text && (at < 3 || text.length <= NEAR_LIMIT)) || ariaLabel || title;
}
