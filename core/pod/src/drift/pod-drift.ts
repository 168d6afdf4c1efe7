import { defined } from "@netbind/contract";
import {
  countOperations,
  diffNetwork,
  type Operations,
  type ServiceProcess,
  serviceProcesses,
  type DesiredNetwork,
} from "@netbind/engine";
import { type Exec, isListening, isRunning, observe, type PodRecord, type ProcessId } from "@netbind/netns";

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

/** Finds the difference between a pod's record and its kernel. `execIn` runs in its namespace. Changes nothing. */
export async function findNetworkDrift(execIn: Exec, record: PodRecord): Promise<readonly NetworkDrift[]> {
  const found: NetworkDrift[] = [];
  for (const [nic, { desired, appliedTable }] of Object.entries(record.nics)) {
    if (desired === undefined) continue;
    const complete = { ...desired, ...defined({ appliedTable }) };
    const observed = await observe(execIn, {
      sysctls: (desired.plan.sysctls ?? []).map(({ key }) => key),
      table: desired.table,
    });
    const operations = diffNetwork(complete, observed);
    if (countOperations(operations) > 0 || operations.unrecoverable.length > 0)
      found.push({ nic, desired: complete, operations });
  }
  return found;
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
