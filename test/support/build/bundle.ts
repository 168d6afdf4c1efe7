import { execFileSync } from "node:child_process";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { BUNDLE_OPTIONS } from "../../../tools/bundle-options.mjs";

/** Bundles a plugin of the tests, as its author would, into a directory. Gives `NAME=FILE`, as `--plugin` takes it. */
export function bundlePlugin(name: string, directory: string): string {
  const root = fileURLToPath(new URL("../../..", import.meta.url));
  const out = join(directory, `${name}.mjs`);
  execFileSync(process.execPath, ["sidecars/build.mjs", "--plugin", `test/plugins/${name}.ts`, "--out", out], {
    cwd: root,
  });
  return `${name}=${out}`;
}

/** Bundles a script of the tests (`kube/swap-directory.ts`) into one file of a directory, which runs where no checkout is. Gives its path. */
export async function bundleSupport(script: string, directory: string): Promise<string> {
  const outfile = join(directory, basename(script).replace(/\.ts$/, ".mjs"));
  await build({
    entryPoints: [fileURLToPath(new URL(`../${script}`, import.meta.url))],
    outfile,
    ...BUNDLE_OPTIONS,
  });
  return outfile;
}
