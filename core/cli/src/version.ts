import { readFileSync } from "node:fs";

/** The version of this package; `unknown` where the command was bundled without its manifest. */
export function netbindVersion(): string {
  try {
    const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
    return (JSON.parse(text) as { readonly version: string }).version;
  } catch {
    return "unknown";
  }
}
