/** Bundles each plugin with the sidecar's entry point into one file: what an image holds beside the runtime. */
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const asked = process.argv.slice(2);
const plugins = asked.length > 0 ? asked : readdirSync(join(here, "../plugins"));

for (const plugin of plugins) {
  await build({
    stdin: {
      contents: `import binding from "@netbind/plugin-${plugin}";\nimport { main } from "./src/main.ts";\nawait main(binding, process.argv.slice(2), process.env);\n`,
      resolveDir: here,
      sourcefile: `${plugin}.ts`,
      loader: "ts",
    },
    outfile: join(here, "dist", `${plugin}.mjs`),
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
}
