import { readFileSync } from "node:fs";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

// Long names of our own members, which are neither on the wire, nor in storage, nor the browser's. A late part sees
// the core's members, so each name is short in the same way in every script.
const INNER_NAMES = (
  "again autocomplete clues glue near parts placeholder reports room slots theirs touched " +
  "batch bytes changes collect debugging digitRuns explain flush flushOnHide forget forgetVisitor getConfig " +
  "heartbeatMs holdsCardNumber hooks read write load ask knownVisitor noticeSelector own permitted post readQueue recheck report resume " +
  "failed retry retryAfterS safely sending soon store told writeQueue"
).split(" ");

/** How the SDK is compiled, for the page and for the tests alike. */
export const compile = {
  bundle: true,
  charset: "utf8",
  target: "es2020",
  mangleProps: new RegExp(`^(${INNER_NAMES.join("|")})$`),
  mangleCache: Object.fromEntries(INNER_NAMES.map((name, at) => [name, "_" + at.toString(36)])),
  define: { SDK_VERSION: JSON.stringify(version), SDK_INTEGRITY: '{"forms":"f","carts":"c","more":"m"}' },
};
export { version };
