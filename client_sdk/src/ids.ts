import type { Page } from "./wire";

/** 128 random bits as 32 hex digits. Without `crypto` they are only as random as Math.random. */
export function randomHex(page: Page): string {
  const bytes = new Uint8Array(16);
  try {
    page.crypto.getRandomValues(bytes);
  } catch {
    bytes.forEach((_, i) => (bytes[i] = Math.random() * 256));
  }
  return Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join("");
}

/** A version 4 UUID (RFC 9562). `crypto.randomUUID` is missing on plain http, so it is made here. */
export function uuid(page: Page): string {
  return randomHex(page).replace(/(.{8})(.{4}).(.{3}).(.{3})/, "$1-$2-4$3-8$4-");
}
