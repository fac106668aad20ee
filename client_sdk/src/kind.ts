import type { PageKind } from "./wire";

// The first that matches a path; words that shops use for their pages, not one shop's own.
const CLUES: [PageKind, RegExp][] = [
  ["thanks", /thank|complete|finish/],
  ["checkout", /checkout|order|regist|payment/],
  ["cart", /cart|basket/],
  ["product", /product|item|goods/],
];

/** What kind of page an address seems to lead to. */
export function kindOfPath(path: string): PageKind {
  return (CLUES.find(([, clue]) => clue.test(path.toLowerCase())) || ["other" as const])[0];
}
