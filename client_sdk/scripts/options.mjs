import { readFileSync } from "node:fs";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

// Long names of our own members, which are neither on the wire, nor in storage, nor the browser's.
const INNER_NAMES =
  "batch bytes changes flushOnHide forgetVisitor getConfig heartbeatMs noticeSelector readQueue resume " +
  "retryAfterS sending shipping token touched writeQueue";

/** How the SDK is compiled, for the page and for the tests alike. */
export const compile = {
  bundle: true,
  charset: "utf8",
  target: "es2019",
  mangleProps: new RegExp(`^(${INNER_NAMES.replaceAll(" ", "|")})$`),
  define: { SDK_VERSION: JSON.stringify(version) },
};
