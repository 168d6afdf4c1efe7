import { readFileSync } from "node:fs";

/** How an image's runtime is started, beside what its container is told. */
export const SIDECAR_START = JSON.parse(readFileSync(new URL("../../sidecars/runtime.json", import.meta.url), "utf8")) as {
  readonly options: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
};
