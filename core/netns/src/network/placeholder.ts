import type { PlaceholderKind } from "@netbind/engine";
import { CommandError, type Exec } from "../exec/exec.ts";

/** A name that no pod's link has: it is there for the blink of an eye. */
const PROBE = "nb-probe";

/** What a kernel has for a link that carries nothing. `execIn` runs in a namespace in which links may be made. */
export async function findPlaceholderKind(execIn: Exec): Promise<PlaceholderKind> {
  try {
    await execIn(["ip", "link", "add", "name", PROBE, "type", "dummy"]);
  } catch (error) {
    if (error instanceof CommandError) return "bridge";
    throw error;
  }
  await execIn(["ip", "link", "del", "dev", PROBE]);
  return "dummy";
}
