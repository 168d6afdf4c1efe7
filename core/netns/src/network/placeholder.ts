import type { PlaceholderKind } from "@netbind/engine";
import { CommandError, type Exec } from "../exec/exec.ts";

/** A name that no pod's link has: it is there for the blink of an eye. */
const PROBE = "nb-probe";
/** What `ip` says of a kind of links that the kernel lacks. */
const LACKING = "Unknown device type";

/** What the machine's kernel has, where it is known: it is the same for every pod, and the probe's removal takes longest. */
let known: PlaceholderKind | undefined;

/** What the kernel has for a link that carries nothing. `execIn` runs in a namespace in which links may be made. */
export async function findPlaceholderKind(execIn: Exec): Promise<PlaceholderKind> {
  if (known !== undefined) return known;
  try {
    await execIn(["ip", "link", "add", "name", PROBE, "type", "dummy"]);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    // Of another failure it is not known whether the next pod meets it too.
    if (error.stderr.includes(LACKING)) known = "bridge";
    return "bridge";
  }
  known = "dummy";
  await execIn(["ip", "link", "del", "dev", PROBE]);
  return known;
}
