import { countOperations } from "@netbind/engine";
import { type DomainDrift, type Drift, findDrift, showDifferences, showDrift } from "./drift.ts";
import { Journal, type VmRecord } from "./journal.ts";
import { consolePlace } from "./console-place.ts";
import { startConsole } from "./launcher/console.ts";
import { findQemu } from "./launcher/launcher-of.ts";
import { LocalHost } from "./local-host.ts";
import { LiveDomain } from "./hotplug/live-domain.ts";
import { removeNic, UNPLUG_DEADLINE } from "./hotplug/remove-nic.ts";
import { takeVmLock } from "./lock.ts";
import { mendDevice } from "./networks/cni.ts";
import { netnsPath } from "./node-netns.ts";
import { currentPod, listPods } from "./pods.ts";
import { type SettleContext, settleMigration } from "./settle-migration.ts";
import { vmOfPod } from "./state.ts";

/** What was repaired, and what is still wrong. */
export interface Repaired {
  /** A line for each thing that was wrong before. Empty: nothing was done. */
  readonly found: readonly string[];
  /** What is wrong now. Empty: the VM is healthy. */
  readonly left: readonly string[];
}

/** One repair may bring to light what the next must mend: a table that names a link that was gone, for example. */
const ROUNDS = 3;
const PATIENCE = 5000;

/** The places and tools that a repair takes. */
export type RepairContext = SettleContext;

async function mendDomain({ run }: RepairContext, record: VmRecord, { nic, defined, repair }: DomainDrift): Promise<void> {
  const domain = new LiveDomain(run, record);
  if (repair === "link") return domain.setLink(defined);
  if (repair === "replug") await domain.detach(nic, UNPLUG_DEADLINE);
  await domain.attach(defined);
}

async function mend(context: RepairContext, journal: Journal, drift: Drift): Promise<void> {
  const { state, run } = context;
  // What did not come whole goes whole; what is of the others is looked at anew.
  if (drift.changing !== undefined) return removeNic({ state, run, journal }, drift.changing.nic);
  const host = new LocalHost({ state, run, journal });
  for (const { nic, wanted, operations } of drift.networks) {
    // Without the pod's link there is nothing to hang the rest on.
    if (countOperations(operations) > 0 && operations.lost.length === 0) await host.apply(nic, wanted);
  }
  await host.settled();
  for (const { service } of drift.services) await host.startService(service);
  for (const binding of drift.sidecars) await host.restartSidecar(binding);
  const netns = netnsPath(journal.record.netns);
  if (drift.console) journal.setProcesses("console", await startConsole(consolePlace(state, journal.record)));
  for (const { attachment } of drift.devices) await mendDevice({ run, node: netnsPath(state.nodeNetns), netns }, attachment);
  for (const one of drift.domain) await mendDomain(context, journal.record, one);
  const qemu = findQemu(journal.record);
  if (drift.interrupted !== undefined && qemu !== undefined) {
    journal.setProcesses("qemu", [qemu]);
    journal.update({ phase: "running" });
  }
}

/**
 * Repairs the difference between a VM's record and what is there, and only that: what is as it should be is not touched.
 * A VM whose QEMU is gone is not started again.
 *
 * @throws BusyError where somebody works on the VM
 */
export async function repairVm(context: RepairContext, id: string): Promise<Repaired> {
  const { state, run } = context;
  const vm = vmOfPod(id);
  await using _ = await takeVmLock(state, vm, `VM ${vm}`, PATIENCE);
  const settled = (await settleMigration(context, vm)) ? ["a migration did not come to its end"] : [];
  const journal = Journal.open(state.vm(currentPod(listPods(state, vm))?.id ?? id));
  if (journal === undefined) return { found: ["nothing of it was recorded"], left: ["nothing of it was recorded (netbind gc removes it)"] };
  const first = await findDrift(state, run, journal.record);
  let drift = first;
  for (let round = 0; round < ROUNDS && drift.over === undefined && showDifferences(drift).length > drift.lost.length; round++) {
    await mend(context, journal, drift);
    drift = await findDrift(state, run, journal.record);
  }
  return { found: [...settled, ...showDifferences(first)], left: showDrift(drift) };
}
