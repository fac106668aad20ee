/** At most `limit` UTF-16 units of a text, not ending in half of a character. */
export function clip(text: string, limit: number): string {
  return text.slice(0, limit).replace(/[\ud800-\udbff]$/, "");
}

/** The size of a text on the wire, in bytes of UTF-8, or a little more. A TextEncoder costs the first that asks a millisecond. */
export function utf8Bytes(text: string): number {
  return text.replace(/[^ -~]/g, "---").length;
}
