// Bundle each test/*.test.ts for Node and run them with its own test runner.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compile } from "./options.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const outdir = root + "node_modules/.cache/modori-tests";
const tests = readdirSync(root + "test").filter((name) => name.endsWith(".test.ts"));

rmSync(outdir, { recursive: true, force: true });
await build({
  ...compile,
  target: "node20",
  entryPoints: tests.map((name) => root + "test/" + name),
  outdir,
  outExtension: { ".js": ".mjs" },
  format: "esm",
  platform: "node",
  packages: "external",
  sourcemap: "inline",
  logLevel: "warning",
});
const built = tests.map((name) => outdir + "/" + name.replace(/\.ts$/, ".mjs"));
const run = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...built], { stdio: "inherit" });
process.exit(run.status ?? 1);
