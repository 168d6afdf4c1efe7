import { join } from "node:path";
import { BUNDLE_OPTIONS } from "./bundle-options.mjs";
import { writePackages } from "./bundle-packages.mjs";

/**
 * Bundles the program of a package's folder into one file of a name: what its image holds beside the runtime. `build` is
 * the bundler's, which the package depends on.
 */
export async function bundleProgram(build, folder, name) {
  const outfile = join(folder, `dist/${name}.mjs`);
  const { metafile } = await build({
    entryPoints: [join(folder, "src/main.ts")],
    outfile,
    ...BUNDLE_OPTIONS,
    minify: true,
    metafile: true,
  });
  writePackages(metafile, outfile);
}
