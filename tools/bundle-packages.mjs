/** Which third-party packages a bundle holds: an image names them, and keeps their licenses. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";

/** Where the list of a bundle is, beside it. */
export const packagesFileOf = (bundle) => bundle.replace(/\.mjs$/, ".packages.json");

/** Writes the directories of the packages that esbuild took files from. */
export function writePackages(metafile, outfile) {
  const directories = Object.keys(metafile.inputs).flatMap(
    (input) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1] ?? [],
  );
  const found = [...new Set(directories.map((directory) => resolve(directory)))].sort();
  writeFileSync(packagesFileOf(outfile), `${JSON.stringify(found, null, 2)}\n`);
}
