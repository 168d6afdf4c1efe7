/** Bundles the command into few files, of which each call loads those that it needs. Usage: node core/cli/build.mjs */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { COMMAND_OPTIONS } from "../../tools/bundle-command.mjs";

const outdir = join(import.meta.dirname, "dist/bundle");
rmSync(outdir, { recursive: true, force: true });
const source = (file) => join(import.meta.dirname, "src", file);
const entryPoints = { netbind: source("main.ts"), "kubectl-netbind": source("kubectl-main.ts") };
await build({ entryPoints, outdir, ...COMMAND_OPTIONS });
