import { defined } from "@netbind/contract";
import { withoutNic } from "@netbind/domain";
import { countOperations, teardownNetwork, serviceProcesses } from "@netbind/engine";
import { interfacesOf, networksOf, withInterfaces } from "@netbind/kubevirt";
import { applyNetwork, endProcesses, inNetns, observe, type Exec, serviceLog, orphansOf } from "@netbind/netns";
import type { LocalRecordFile } from "../record/local-pod-record.ts";
import { domainName } from "../launcher/base-domain.ts";
import { LocalSidecars } from "../pod/local-sidecars.ts";
import { withNodeLock } from "../node/lock-node.ts";
import { cniDel } from "../networks/cni.ts";
import { netnsPath } from "../node/node-netns.ts";
import type { State } from "../record/state.ts";
import { LiveDomain } from "./live-domain.ts";
import { nicKept } from "../errors.ts";

/** What changes of a VM's NICs are made with. */
export interface NicContext {
  readonly state: State;
  readonly exec: Exec;
  readonly recordFile: LocalRecordFile;
}

/** How long a guest may take to let a device go. */
export const UNPLUG_DEADLINE = 20_000;

/** Takes the NIC's device out of the running domain, where it is in it. @throws LibvirtError where its guest keeps it */
async function unplug({ exec, recordFile }: NicContext, nic: string): Promise<void> {
  const domain = new LiveDomain(exec, recordFile.record);
  if (await domain.detach(nic, UNPLUG_DEADLINE)) return;
  throw nicKept(domainName(recordFile.record.vmi), nic, UNPLUG_DEADLINE / 1000);
}

async function endServices({ state, recordFile }: NicContext, nic: string): Promise<void> {
  const roles = new Set(serviceProcesses(recordFile.record.nics[nic]?.plan?.services ?? []).map(({ role }) => role));
  const { processes, serviceUid } = recordFile.record;
  const own = processes.filter(({ role }) => roles.has(role)).flatMap((entry) => entry.processes);
  const others = processes.filter(({ role }) => !roles.has(role));
  const recorded = others.flatMap((entry) => entry.processes);
  const directory = state.podDirectory(recordFile.record.id);
  const logs = [...roles].map((role) => serviceLog(directory, role));
  await endProcesses([...own, ...orphansOf({ uid: serviceUid, logs }, recorded)]);
  if (others.length < processes.length) recordFile.update({ processes: others });
}

async function removeNetwork({ exec, recordFile }: NicContext, nic: string): Promise<void> {
  const { netns, nics } = recordFile.record;
  const desired = nics[nic]?.desired;
  if (desired === undefined) return;
  const execIn = inNetns(netnsPath(netns), exec);
  const operations = teardownNetwork(desired, await observe(execIn, { table: desired.table }));
  if (countOperations(operations) > 0) await applyNetwork(execIn, operations);
}

/** Takes the pod off the NIC's network: every attachment that was made for it, the last one first. */
async function detachNetworks({ state, exec, recordFile }: NicContext, nic: string): Promise<void> {
  const node = netnsPath(state.nodeNetns);
  const netns = netnsPath(recordFile.record.netns);
  const own = recordFile.record.attachments.filter(({ network }) => network === nic);
  if (own.length === 0) return;
  await withNodeLock(state, async () => {
    for (const attachment of [...own].reverse()) await cniDel({ exec, node, netns }, attachment);
  });
}

const without = <T>(map: Readonly<Record<string, T>>, name: string): Readonly<Record<string, T>> =>
  Object.fromEntries(Object.entries(map).filter(([key]) => key !== name));

/** The record without a NIC: one write, so that it is there or it is not. */
function forget({ recordFile }: NicContext, nic: string): void {
  const { vmi, bindings, nics, attached = [], attachments, domainXml } = recordFile.record;
  const isOther = ({ name }: { readonly name: string }): boolean => name !== nic;
  recordFile.update({
    vmi: withInterfaces(vmi, interfacesOf(vmi).filter(isOther), networksOf(vmi).filter(isOther)),
    bindings: without(bindings, nic),
    nics: without(nics, nic),
    attached: attached.filter(({ name }) => name !== nic),
    attachments: attachments.filter(({ network }) => network !== nic),
    changing: undefined,
    ...defined({ domainXml: domainXml === undefined ? undefined : withoutNic(domainXml, nic) }),
  });
}

/**
 * Takes a NIC out of a running VM, and all that was made for it out of its pod, from the record alone. Called again it goes
 * on where it was stopped. The caller holds the VM's lock, and has recorded that the NIC is changing.
 */
export async function removeNic(context: NicContext, nic: string): Promise<void> {
  const binding = context.recordFile.record.bindings[nic];
  await unplug(context, nic);
  await endServices(context, nic);
  await removeNetwork(context, nic);
  await detachNetworks(context, nic);
  forget(context, nic);
  if (binding !== undefined) await new LocalSidecars(context).attach(binding);
}
