import { defined } from "@netbind/contract";
import {
  countOperations,
  diffNetwork,
  type Operations,
  type ServiceProcess,
  serviceProcesses,
  type DesiredNetwork,
} from "@netbind/engine";
import { type Exec, isListening, isRunning, observeAll, type PodRecord, type ProcessId } from "@netbind/netns";

/** A NIC whose network is not as it was recorded. */
export interface NetworkDrift {
  readonly nic: string;
  readonly desired: DesiredNetwork;
  readonly operations: Operations;
}

/** A server that was started for a NIC and does not serve. */
export interface ServiceDrift {
  readonly nic: string;
  readonly service: ServiceProcess;
}

/** The recorded processes of a role. */
export const processesOf = ({ processes }: PodRecord, role: string): readonly ProcessId[] =>
  processes.find((entry) => entry.role === role)?.processes ?? [];

/** True where every process of a role runs, and there is one. */
export function allRun(record: PodRecord, role: string): boolean {
  const processes = processesOf(record, role);
  return processes.length > 0 && processes.every(isRunning);
}

/** Finds the difference between a pod's record and its kernel, which is looked at once. `execIn` runs in its namespace. Changes nothing. */
export async function findNetworkDrift(execIn: Exec, record: PodRecord): Promise<readonly NetworkDrift[]> {
  const recorded = Object.entries(record.nics).flatMap(([nic, { desired, appliedTable }]) =>
    desired === undefined ? [] : [{ nic, desired: { ...desired, ...defined({ appliedTable }) } }],
  );
  if (recorded.length === 0) return [];
  const observed = await observeAll(
    execIn,
    recorded.map(({ desired: { plan, table } }) => ({ sysctls: (plan.sysctls ?? []).map(({ key }) => key), table })),
  );
  return recorded
    .flatMap((one, at) => {
      const found = observed[at];
      return found === undefined ? [] : [{ ...one, operations: diffNetwork(one.desired, found) }];
    })
    .filter(({ operations }) => countOperations(operations) > 0 || operations.unrecoverable.length > 0);
}

/** Finds the planned servers of a pod that do not serve. */
export const findServiceDrift = (record: PodRecord): readonly ServiceDrift[] =>
  Object.entries(record.nics).flatMap(([nic, { plan }]) =>
    serviceProcesses(plan?.services ?? []).flatMap((service) => {
      const inner = processesOf(record, service.role).at(-1);
      return allRun(record, service.role) && inner !== undefined && isListening(service, inner)
        ? []
        : [{ nic, service }];
    }),
  );
