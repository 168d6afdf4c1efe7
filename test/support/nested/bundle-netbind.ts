import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { BUNDLE_OPTIONS } from "../../../tools/bundle-options.mjs";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/**
 * Puts the command, and what tests ask a guest with, into few files of JavaScript, below a directory that is laid out as the checkout: on a slow machine,
 * hundreds of files of TypeScript take a minute to be read.
 */
export async function bundleNetbind(directory: string): Promise<void> {
  await build({
    entryPoints: {
      "core/cli/bundle/netbind": join(root, "core/cli/src/main.ts"),
      "core/cli/bundle/console-drain": join(root, "core/local/src/launcher/console-drain.ts"),
      "test/support/nested/in-guest": join(root, "test/support/nested/in-guest.ts"),
      "test/support/nested/attach-pod": join(root, "test/support/nested/attach-pod.ts"),
      "test/support/nested/call-image": join(root, "test/support/nested/call-image.ts"),
      "test/support/nested/live-image": join(root, "test/support/nested/live-image.ts"),
    },
    outdir: directory,
    ...BUNDLE_OPTIONS,
  });
  writeFileSync(join(directory, "package.json"), '{"type":"module"}\n');
  // What the command finds beside itself.
  symlinkSync(join(root, "core/local/src"), join(directory, "core/src"));
  symlinkSync(join(root, "core/agent"), join(directory, "core/agent"));
  symlinkSync(join(root, "sidecars"), join(directory, "sidecars"));
}
