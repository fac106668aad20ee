import { attempt } from "./attempt";
import type { Page } from "./wire";

/** 128 random bits as 32 hex digits. Without `crypto` they are only as random as Math.random. */
export function randomHex(page: Page): string {
  const bytes = new Uint8Array(16).map(() => Math.random() * 256);
  attempt(() => page.crypto.getRandomValues(bytes));
  return [...bytes].map((byte) => (byte + 256).toString(16).slice(1)).join("");
}
