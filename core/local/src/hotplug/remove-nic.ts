import { countOperations, retractNetwork, serviceProcesses } from "@netbind/engine";
import { withoutNic } from "@netbind/domain";
import { applyNetwork, endProcesses, inNetns, observe, processesLoggingTo, type Run, serviceLog, straysOfUser } from "@netbind/netns";
import type { Journal } from "../journal.ts";
import { domainName } from "../launcher/base-domain.ts";
import { LibvirtError } from "../launcher/launcher.ts";
import { LocalHost } from "../local-host.ts";
import { withNodeLock } from "../lock-node.ts";
import { cniDel } from "../networks/cni.ts";
import { netnsPath } from "../node-netns.ts";
import type { State } from "../state.ts";
import { LiveDomain } from "./live-domain.ts";

/** What changes of a VM's NICs are made with. */
export interface NicContext {
  readonly state: State;
  readonly run: Run;
  readonly journal: Journal;
}

/** How long a guest may take to let a device go. */
export const UNPLUG_DEADLINE = 20_000;

/** Takes the NIC's device out of the running domain, where it is in it. @throws LibvirtError where its guest keeps it */
async function unplug({ run, journal }: NicContext, nic: string): Promise<void> {
  const domain = new LiveDomain(run, journal.record);
  if (await domain.detach(nic, UNPLUG_DEADLINE)) return;
  throw new LibvirtError(
    `the guest of ${domainName(journal.record.vmi)} did not let NIC "${nic}" go within ${UNPLUG_DEADLINE / 1000} s: wait until it has booted, and try again`,
  );
}

async function endServices({ state, journal }: NicContext, nic: string): Promise<void> {
  const roles = new Set(serviceProcesses(journal.record.nics[nic]?.plan?.services ?? []).map(({ role }) => role));
  const { processes, serviceUid } = journal.record;
  const own = processes.filter(({ role }) => roles.has(role)).flatMap((entry) => entry.processes);
  const others = processes.filter(({ role }) => !roles.has(role));
  const recorded = others.flatMap((entry) => entry.processes);
  // A server that a killed netbind started: it has its output from its birth, and its user a moment later.
  const starting = [...roles].flatMap((role) => processesLoggingTo(serviceLog(state.vm(journal.record.id), role)));
  await endProcesses([...own, ...starting, ...straysOfUser(serviceUid, recorded)]);
  if (others.length < processes.length) journal.update({ processes: others });
}

async function removeNetwork({ run, journal }: NicContext, nic: string): Promise<void> {
  const { netns, nics } = journal.record;
  const wanted = nics[nic]?.wanted;
  if (wanted === undefined) return;
  const runIn = inNetns(netnsPath(netns), run);
  const operations = retractNetwork(wanted, await observe(runIn, { table: wanted.table }));
  if (countOperations(operations) > 0) await applyNetwork(runIn, operations);
}

/** Takes the pod off the NIC's network: every attachment that was made for it, the last one first. */
async function detachNetworks({ state, run, journal }: NicContext, nic: string): Promise<void> {
  const node = netnsPath(state.nodeNetns);
  const netns = netnsPath(journal.record.netns);
  const own = journal.record.attachments.filter(({ network }) => network === nic);
  if (own.length === 0) return;
  await withNodeLock(state, async () => {
    for (const attachment of [...own].reverse()) await cniDel({ run, node, netns }, attachment);
  });
}

const without = <T>(map: Readonly<Record<string, T>>, name: string): Readonly<Record<string, T>> =>
  Object.fromEntries(Object.entries(map).filter(([key]) => key !== name));

/** The record without a NIC: one write, so that it is there or it is not. */
function forget({ journal }: NicContext, nic: string): void {
  const { vmi, bindings, nics, attached = [], attachments, domainXml } = journal.record;
  const { domain, networks = [] } = vmi.spec;
  const interfaces = (domain.devices.interfaces ?? []).filter(({ name }) => name !== nic);
  journal.update({
    vmi: {
      ...vmi,
      spec: {
        ...vmi.spec,
        domain: { ...domain, devices: { ...domain.devices, interfaces } },
        networks: networks.filter(({ name }) => name !== nic),
      },
    },
    bindings: without(bindings, nic),
    nics: without(nics, nic),
    attached: attached.filter(({ name }) => name !== nic),
    attachments: attachments.filter(({ network }) => network !== nic),
    ...(domainXml === undefined ? {} : { domainXml: withoutNic(domainXml, nic) }),
    changing: undefined,
  });
}

/**
 * Takes a NIC out of a running VM, and all that was made for it out of its pod, from the record alone. Called again it goes
 * on where it was stopped. The caller holds the VM's lock, and has recorded that the NIC is changing.
 */
export async function removeNic(context: NicContext, nic: string): Promise<void> {
  const binding = context.journal.record.bindings[nic];
  await unplug(context, nic);
  await endServices(context, nic);
  await removeNetwork(context, nic);
  await detachNetworks(context, nic);
  forget(context, nic);
  if (binding !== undefined) await new LocalHost(context).tellSidecar(binding);
}
