/** Bundles the controller into one file: what its image holds beside the runtime. Usage: node core/controller/build.mjs */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { BUNDLE_OPTIONS } from "../../tools/bundle-options.mjs";
import { writePackages } from "../../tools/bundle-packages.mjs";

const here = dirname(fileURLToPath(import.meta.url));

const outfile = join(here, "dist/netbind-controller.mjs");

const { metafile } = await build({
  entryPoints: [join(here, "src/main.ts")],
  outfile,
  ...BUNDLE_OPTIONS,
  minify: true,
  metafile: true,
});
writePackages(metafile, outfile);
