import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/**
 * Puts the command, and what tests ask a guest with, into few files of JavaScript, below a directory that is laid out as the checkout: on a slow machine,
 * hundreds of files of TypeScript take a minute to be read.
 */
export async function bundleNetbind(directory: string): Promise<void> {
  const bundle = join(directory, "core/cli/bundle");
  mkdirSync(bundle, { recursive: true });
  await build({
    entryPoints: {
      netbind: join(root, "core/cli/src/main.ts"),
      "in-guest": join(root, "test/support/nested/in-guest.ts"),
      "console-drain": join(root, "core/local/src/launcher/console-drain.ts"),
    },
    outdir: bundle,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    conditions: ["@netbind/source"],
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    logLevel: "warning",
  });
  writeFileSync(join(bundle, "package.json"), '{"type":"module"}\n');
  // What the command finds beside itself.
  symlinkSync(join(root, "core/local/src"), join(directory, "core/src"));
  symlinkSync(join(root, "sidecars"), join(directory, "sidecars"));
}
