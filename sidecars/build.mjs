/**
 * Bundles a plugin with the sidecar's entry point into one file: what an image holds beside the runtime.
 *
 *   node sidecars/build.mjs [NAME...]            this release's plugins, all where none is named, into sidecars/dist
 *   node sidecars/build.mjs --plugin FILE --out FILE    a third-party plugin: a module whose default export is a binding
 */
import { readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { BUNDLE_OPTIONS } from "../tools/bundle-options.mjs";
import { writePackages } from "../tools/bundle-packages.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const { values, positionals } = parseArgs({
  options: { plugin: { type: "string" }, out: { type: "string" } },
  allowPositionals: true,
});

/** Bundles the plugin that a module specifier names. Gives what esbuild says of the bundle. */
async function bundle(specifier, name, outfile, sourcemap = false) {
  const built = build({
    stdin: {
      contents: `import "./src/report-failures.ts";\nimport binding from ${JSON.stringify(specifier)};\nimport { main } from "./src/main.ts";\nawait main(binding, process.argv.slice(2), process.env);\n`,
      resolveDir: here,
      sourcefile: `${name}.ts`,
      loader: "ts",
    },
    outfile,
    ...BUNDLE_OPTIONS,
    minify: true,
    metafile: true,
    // An author reads the lines of the plugin, not those of the bundle.
    ...(sourcemap ? { sourcemap: "inline", sourcesContent: false } : {}),
    // Wherever a plugin's file stands, the contract that it imports is this one.
    alias: { "@netbind/contract": join(here, "../core/contract/src/index.ts") },
  });
  const { metafile } = await built.catch((error) => {
    // What esbuild found is printed already, with its places.
    if (!Array.isArray(error.errors)) throw error;
    console.error(
      `No bundle was made: ${specifier} is a module whose default export is a binding, as defineBinding({...}) makes it.`,
    );
    process.exit(1);
  });
  return metafile;
}

if (values.plugin !== undefined) {
  if (values.out === undefined) throw new Error("--plugin needs --out: the file to write the bundle to");
  await bundle(resolve(values.plugin), "plugin", resolve(values.out), true);
} else {
  const plugins = positionals.length > 0 ? positionals : readdirSync(join(here, "../plugins"));
  for (const plugin of plugins) {
    const outfile = join(here, "dist", `${plugin}.mjs`);
    writePackages(await bundle(join(here, "../plugins", plugin, "src/index.ts"), plugin, outfile), outfile);
  }
}
