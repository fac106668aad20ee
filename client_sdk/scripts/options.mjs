import { readFileSync } from "node:fs";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

// Names of our own members, which are neither on the wire, nor in storage, nor the browser's: each becomes one letter. A
// late part sees the core's members, so it is the same letter in every script. In the order that packs best, found by trying.
const INNER_NAMES = (
  "theirs holdsCardNumber read again clues digitRuns knownVisitor own changes shim sending room flush group retryAfterS " +
  "placeholder soon safely touched parts readQueue age autocomplete near glue explain visitorId slots noticeSelector " +
  "collect report ask recheck store write forgetVisitor failed writeQueue forget bytes permitted heartbeatMs reports " +
  "hooks flushOnHide resume told retry batch load config"
).split(" ");
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
if (INNER_NAMES.length > LETTERS.length) throw new RangeError("more names than letters");

/** How the SDK is compiled, for the page and for the tests alike. */
export const compile = {
  bundle: true,
  charset: "utf8",
  target: "es2020",
  mangleProps: new RegExp(`^(${INNER_NAMES.join("|")})$`),
  mangleCache: Object.fromEntries(INNER_NAMES.map((name, at) => [name, LETTERS[at]])),
  define: { SDK_VERSION: JSON.stringify(version), SDK_INTEGRITY: '{"forms":"f","carts":"c","more":"m"}' },
};
export { version };
