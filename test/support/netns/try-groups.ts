/** Looks for the groups of pods among the mounts of the caller, and tries to make one. Usage: try-groups GROUP */
import { makeGroup } from "@netbind/netns";
import { findGroupBase } from "@netbind/pod";

/** What was found, or the message of what was thrown. */
export interface TriedGroups {
  readonly found: ReturnType<typeof findGroupBase> | string;
  readonly made: string;
}

function attempt<T>(work: () => T): T | string {
  try {
    return work();
  } catch (error) {
    return String(error);
  }
}

const [group = ""] = process.argv.slice(2);
const tried: TriedGroups = {
  found: attempt(() => findGroupBase()),
  made: attempt(() => {
    makeGroup(group, { processes: 1, memory: 1, cpus: 1 });
    return "made";
  }),
};
process.stdout.write(JSON.stringify(tried));
