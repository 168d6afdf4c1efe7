import { readFileSync } from "node:fs";
import type { RuntimeStart } from "@netbind/local";

/** How an image's runtime is started, beside what its container is told. */
export const SIDECAR_START = JSON.parse(
  readFileSync(new URL("../../../sidecars/runtime.json", import.meta.url), "utf8"),
) as RuntimeStart;
