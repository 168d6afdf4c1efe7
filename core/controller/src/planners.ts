import type { Migration } from "@netbind/contract";
import type { PlannerSockets } from "./planner-sockets.ts";
import type { Release } from "./release.ts";
import { isFalse, isTrue, type Verdict } from "./status/conditions.ts";

/** Who answers for a binding, and what it says of itself. */
export interface FoundPlanner {
  readonly verdict: Verdict;
  /** Absent: nobody answers. */
  readonly migration?: Migration;
}

/** Where bindings are asked: in this process, or behind sockets that the administrator put beside the controller. */
export interface PlannerSources {
  readonly release: Release;
  /** Absent: this release's bindings are all. */
  readonly sockets?: PlannerSockets;
}

async function ask(name: string, sockets: PlannerSockets): Promise<FoundPlanner> {
  const path = sockets.pathOf(name);
  try {
    const described = await sockets.describe(name);
    if (described !== undefined)
      return { migration: described.migration, verdict: isTrue("Answering", `a process answers at ${path}`) };
    const said = `nothing answers for "${name}": run the binding's image in the role binding with its socket at ${path}`;
    return { verdict: isFalse("SocketMissing", said) };
  } catch (error) {
    const said = `the process at ${path} does not describe the binding: ${(error as Error).message}`;
    return { verdict: isFalse("Silent", said) };
  }
}

/** Finds who plans for a binding. `hasSidecar`: false where KubeVirt attaches its NICs by itself. */
export async function findPlanner(
  name: string,
  hasSidecar: boolean,
  { release, sockets }: PlannerSources,
): Promise<FoundPlanner> {
  const released = release.get(name);
  if (released !== undefined)
    return { migration: released.migration, verdict: isTrue("Embedded", "this release plans for it") };
  if (!hasSidecar) return { verdict: isTrue("NotNeeded", "KubeVirt attaches the NICs itself") };
  if (sockets !== undefined) return await ask(name, sockets);
  const said = `"${name}" is not a binding of this release: start the controller with --bindings, and the binding beside it`;
  return { verdict: isFalse("SocketMissing", said) };
}
