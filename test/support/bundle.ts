import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Bundles a plugin of the tests, as its author would, into a directory. Gives `NAME=FILE`, as `--plugin` takes it. */
export function bundlePlugin(name: string, directory: string): string {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const out = join(directory, `${name}.mjs`);
  execFileSync(process.execPath, ["sidecars/build.mjs", "--plugin", `test/plugins/${name}.ts`, "--out", out], { cwd: root });
  return `${name}=${out}`;
}
