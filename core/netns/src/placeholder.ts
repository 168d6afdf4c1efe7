import type { PlaceholderKind } from "@netbind/engine";
import { CommandError, type Run } from "./run.ts";

/** A name that no pod's link has: it is there for the blink of an eye. */
const PROBE = "nb-probe";

/** What a kernel has for a link that carries nothing. `runIn` runs in a namespace in which links may be made. */
export async function findPlaceholderKind(runIn: Run): Promise<PlaceholderKind> {
  try {
    await runIn(["ip", "link", "add", "name", PROBE, "type", "dummy"]);
  } catch (error) {
    if (error instanceof CommandError) return "bridge";
    throw error;
  }
  await runIn(["ip", "link", "del", "dev", PROBE]);
  return "dummy";
}
