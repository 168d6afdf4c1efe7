import { endProcesses, isAlive, type PodTraces, type ProcessId, processesOfPods, removeGroup } from "@netbind/netns";
import { stubbornProcesses } from "../errors.ts";
import { inBatches } from "../in-batches.ts";
import { type AgentState, serviceTraces } from "./agent-record.ts";

/** A drained node's pods go at once: each look at all its processes is for all of them. */
const findServices = inBatches(async (pods: readonly PodTraces[]) => processesOfPods(pods));

/**
 * Undoes what was done for a pod that is gone, from the record alone: its services end, and with them its network
 * namespace, with all links. Called again it goes on where it was stopped.
 *
 * @throws DamagedRecordError where the record cannot be read: then nothing is touched
 */
export async function teardownPod(state: AgentState, uid: string): Promise<void> {
  const recordFile = state.open(uid);
  if (recordFile === undefined) {
    // A directory without a record: nothing was begun.
    state.remove(uid);
    return;
  }
  const { processes, cgroup } = recordFile.record;
  const recorded = processes.flatMap((entry) => entry.processes).filter(isAlive);
  // With those that were started, and not recorded any more.
  const unique = new Map<number, ProcessId>(
    [...recorded, ...(await findServices(serviceTraces(recordFile)))].map((process) => [process.pid, process]),
  );
  const left = await endProcesses([...unique.values()]);
  if (left.length > 0)
    throw stubbornProcesses(
      uid,
      left.map(({ pid }) => pid),
    );
  if (cgroup !== undefined) await removeGroup(cgroup);
  state.remove(uid);
}

/** The pods with a record that are not among those that are there. */
export const gonePods = (state: AgentState, present: ReadonlySet<string>): readonly string[] =>
  state.uids().filter((uid) => !present.has(uid));
