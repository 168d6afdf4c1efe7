/** Bundles the node agent into one file: what its image holds beside the runtime. Usage: node core/kube/build.mjs */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));

await build({
  entryPoints: [join(here, "src/agent/main.ts")],
  outfile: join(here, "dist/netbind-agent.mjs"),
  bundle: true,
  minify: true,
  platform: "node",
  target: "node24",
  format: "esm",
  conditions: ["@netbind/source"],
  // CommonJS inside the bundle asks for modules of the runtime.
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  logLevel: "warning",
});
