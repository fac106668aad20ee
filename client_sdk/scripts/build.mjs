// Build dist/modori.js, print its size, and fail where it outgrows its limit.
import { build } from "esbuild";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { compile } from "./options.mjs";

const GZIP_LIMIT_BYTES = 5 * 1024;
const root = fileURLToPath(new URL("..", import.meta.url));
const outfile = root + "dist/modori.js";

await build({
  ...compile,
  entryPoints: [root + "src/index.ts"],
  outfile,
  format: "iife",
  minify: true,
  sourcemap: "external",
  logLevel: "warning",
});
const script = readFileSync(outfile);
const gzipBytes = gzipSync(script, { level: 9 }).length;
console.log(`dist/modori.js: ${script.length} bytes, ${gzipBytes} gzip (limit ${GZIP_LIMIT_BYTES})`);
if (gzipBytes > GZIP_LIMIT_BYTES) {
  console.error("The SDK is larger than its limit.");
  process.exit(1);
}
