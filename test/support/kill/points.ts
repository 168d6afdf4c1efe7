/** Calls of netbind whose points are counted, with a signal at one of them: see kill-point.ts. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Outcome } from "../guest/netbind.ts";

const PRELOAD = new URL("kill-point.ts", import.meta.url).href;

/** How a netbind ended, and the points that it passed. */
export interface PassedPoints {
  readonly outcome: Outcome;
  readonly points: readonly string[];
}

/** `call`: calls netbind with what its environment must have. `directory`: of the test's. `at`: 0 for no point at all. */
export async function callWithPoints(
  call: (env: NodeJS.ProcessEnv) => Promise<Outcome>,
  {
    directory,
    at,
    signal = "SIGKILL",
  }: { readonly directory: string; readonly at: number; readonly signal?: NodeJS.Signals },
): Promise<PassedPoints> {
  const file = join(directory, "points");
  rmSync(file, { force: true });
  const outcome = await call({
    NODE_OPTIONS: `--import=${PRELOAD}`,
    NETBIND_POINTS: file,
    NETBIND_KILL_AT: String(at),
    NETBIND_KILL_SIGNAL: signal,
  });
  return { outcome, points: readFileSync(file, "utf8").trim().split("\n") };
}
