import { countOperations } from "@netbind/engine";
import { type DomainDrift, type Drift, findDrift, formatDifferences, formatDrift } from "./drift.ts";
import { type LocalPodRecord, type LocalRecordFile, openRecord } from "../record/local-pod-record.ts";
import { consoleLocation } from "./console-location.ts";
import { startConsole } from "../launcher/console.ts";
import { findQemu } from "../launcher/launcher-of.ts";
import { LocalHost } from "../pod/local-host.ts";
import { LiveDomain } from "../hotplug/live-domain.ts";
import { removeNic, UNPLUG_DEADLINE } from "../hotplug/remove-nic.ts";
import { takeVmLock } from "../record/lock.ts";
import { repairDevice } from "../networks/cni.ts";
import { netnsPath } from "../node/node-netns.ts";
import { currentPod, listPods } from "../record/pods.ts";
import { recoverMigration, type SettleContext } from "../migration/recover-migration.ts";
import { vmOfPod } from "../record/state.ts";

/** What was repaired, and what is still wrong. */
export interface Repaired {
  /** A line for each thing that was wrong before. Empty: nothing was done. */
  readonly found: readonly string[];
  /** What is wrong now. Empty: the VM is healthy. */
  readonly left: readonly string[];
}

/** One repair may reveal what the next must repair: a table that names a link that was gone, for example. */
const ROUNDS = 3;
const LOCK_TIMEOUT = 5000;

/** The places and tools that a repair takes. */
export type RepairContext = SettleContext;

async function repairDomain(
  { exec }: RepairContext,
  record: LocalPodRecord,
  { nic, defined, repair }: DomainDrift,
): Promise<void> {
  const domain = new LiveDomain(exec, record);
  if (repair === "link") return domain.setLink(defined);
  if (repair === "replug") await domain.detach(nic, UNPLUG_DEADLINE);
  await domain.attach(defined);
}

async function repairPod(context: RepairContext, recordFile: LocalRecordFile, drift: Drift): Promise<void> {
  const { state, exec } = context;
  // What came in part is removed as a whole; the parts of the others are inspected again.
  if (drift.changing !== undefined) return removeNic({ state, exec, recordFile }, drift.changing.nic);
  const host = new LocalHost({ state, exec, recordFile });
  for (const { nic, desired, operations } of drift.networks) {
    // Without the pod's link there is nothing to hang the rest on.
    if (countOperations(operations) > 0 && operations.unrecoverable.length === 0)
      await host.network.apply(nic, desired);
  }
  for (const { service } of drift.services) await host.network.startService(service);
  for (const binding of drift.sidecars) await host.sidecars.restart(binding);
  const netns = netnsPath(recordFile.record.netns);
  if (drift.console) recordFile.setProcesses("console", await startConsole(consoleLocation(state, recordFile.record)));
  for (const { attachment } of drift.devices)
    await repairDevice({ exec, node: netnsPath(state.nodeNetns), netns }, attachment);
  for (const one of drift.domain) await repairDomain(context, recordFile.record, one);
  const qemu = findQemu(recordFile.record);
  if (drift.interrupted !== undefined && qemu !== undefined) {
    recordFile.setProcesses("qemu", [qemu]);
    recordFile.update({ phase: "running" });
  }
}

/**
 * Repairs the difference between a VM's record and what is there, and only that: what is as it should be is not
 * touched. A VM whose QEMU is gone is not started again.
 *
 * @throws BusyError where another process works on the VM
 */
export async function repairVm(context: RepairContext, id: string): Promise<Repaired> {
  const { state, exec } = context;
  const vm = vmOfPod(id);
  await using _ = await takeVmLock(state, vm, `VM ${vm}`, LOCK_TIMEOUT);
  const settled = (await recoverMigration(context, vm)) ? ["a migration was interrupted"] : [];
  const recordFile = openRecord(state.podDirectory(currentPod(listPods(state, vm))?.id ?? id));
  if (recordFile === undefined)
    return {
      found: ["nothing about it was recorded"],
      left: ["nothing about it was recorded (netbind gc removes it)"],
    };
  const first = await findDrift(state, exec, recordFile.record);
  let drift = first;
  for (
    let round = 0;
    round < ROUNDS && drift.over === undefined && formatDifferences(drift).length > drift.unrecoverable.length;
    round++
  ) {
    await repairPod(context, recordFile, drift);
    drift = await findDrift(state, exec, recordFile.record);
  }
  return { found: [...settled, ...formatDifferences(first)], left: formatDrift(drift) };
}
