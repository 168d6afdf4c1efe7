import type { Binding, DomainPlan } from "@netbind/contract";
import { type AttachedNic, attachNic, type Decision, isAdopted } from "@netbind/engine";
import type { CniConfigList } from "@netbind/kubevirt/pod";
import { domainNics, type NicDomain, patchDomain, tapDomain, writeTapInterface } from "@netbind/domain";
import { type DeviceSettings, interfacesOf, isSecondary, networkOf, withInterfaces } from "@netbind/kubevirt";
import type { Exec } from "@netbind/netns";
import { plannedNics } from "@netbind/pod";
import { openRecord } from "../record/local-pod-record.ts";
import { withSidecarOutput } from "../record/kept-logs.ts";
import { interfaceBackend } from "../launcher/interface-backend.ts";
import { findQemu } from "../launcher/launcher-of.ts";
import { LocalHost } from "../pod/local-host.ts";
import { takeVmLock } from "../record/lock.ts";
import type { State } from "../record/state.ts";
import { findVm } from "../record/pods.ts";
import { exposeDevices } from "./expose-devices.ts";
import { LiveDomain } from "./live-domain.ts";
import { type NicContext, removeNic } from "./remove-nic.ts";
import {
  firstNetworkStays,
  missingNic,
  nicChanging,
  nicStays,
  noLinkState,
  undecidedNic,
  undefinedNic,
  vmNotRunning,
} from "../errors.ts";

/** Where VMs run, and what a NIC that comes is planned with. */
export interface ChangeContext {
  readonly state: State;
  readonly exec: Exec;
}

/** A NIC that a running VM is to get. */
export interface NewNic {
  readonly nic: string;
  /** The VM with the NIC, decided. */
  readonly decision: Decision;
  /** This release's own bindings: a pod that runs gets no new sidecar. */
  readonly bindings: ReadonlyMap<string, Binding>;
  readonly podNetwork: CniConfigList;
  readonly deviceSettings: DeviceSettings;
}

const LOCK_TIMEOUT = 5000;

/** Works on a running VM, alone. @throws VmNotFoundError, BusyError, NicChangeError where it does not run */
async function withRunning<T>(
  { state, exec }: ChangeContext,
  vm: string,
  act: (context: NicContext) => Promise<T>,
): Promise<T> {
  const { id, namespace, name } = findVm(state, vm);
  await using _ = await takeVmLock(state, id, `VM ${namespace}/${name}`, LOCK_TIMEOUT);
  // It may have moved to its next pod while its lock was waited for.
  const recordFile = openRecord(state.podDirectory(findVm(state, vm).id));
  if (recordFile === undefined || recordFile.record.phase !== "running" || findQemu(recordFile.record) === undefined)
    throw vmNotRunning(`${namespace}/${name}`);
  const { changing } = recordFile.record;
  if (changing !== undefined) throw nicChanging(`${namespace}/${name}`, changing.nic);
  return await act({ state, exec, recordFile });
}

const patchWith =
  (domain: DomainPlan) =>
  (xml: string, nic: NicDomain): string =>
    patchDomain(xml, nic, domain);

async function plug(
  context: NicContext,
  { nic, decision, bindings, podNetwork, deviceSettings }: NewNic,
): Promise<AttachedNic> {
  const { state, exec, recordFile } = context;
  const decided = decision.nics.find(({ spec }) => spec.name === nic);
  const { facts } = recordFile.record;
  if (decided === undefined || facts === undefined) throw undecidedNic(nic);
  const host = new LocalHost({ state, exec, recordFile, bindings, podNetwork, deviceSettings });
  await host.attachNetworks(decision.networks.filter(({ network }) => network === nic));
  await exposeDevices(context, nic);
  const attached = await attachNic(host, decided, {
    decision,
    context: { ...host.withNetworks(facts), cause: "hotplug" },
    others: plannedNics(recordFile.record, (name) => name !== nic),
  });
  await host.attach(decided.binding, [attached]);
  const device = tapDomain(attached.attachment, attached.plan, interfaceBackend());
  const write = attached.plan.domain.kind === "tap" ? writeTapInterface : patchWith(attached.plan.domain);
  const domainXml = write(recordFile.record.domainXml ?? "", device);
  recordFile.update({ domainXml });
  const defined = domainNics(domainXml).find(({ name }) => name === nic);
  if (defined !== undefined) await new LiveDomain(exec, recordFile.record).attach(defined);
  return attached;
}

/**
 * Gives a running VM another NIC: attached to its network, planned, authorized, applied, served, recorded, and then in
 * the domain. Whatever fails, nothing of it is left.
 *
 * @throws VmNotFoundError, BusyError, NicChangeError, and what the steps throw
 */
export async function attachNicToVm(context: ChangeContext, vm: string, added: NewNic): Promise<AttachedNic> {
  return withRunning(context, vm, async (running) => {
    const { recordFile } = running;
    const { nic, decision } = added;
    const binding = decision.nics.find(({ spec }) => spec.name === nic)?.binding ?? "";
    recordFile.update({
      changing: { nic, change: "attach" },
      vmi: decision.vmi,
      bindings: { ...recordFile.record.bindings, [nic]: binding },
      grants: { ...recordFile.record.grants, ...decision.grants },
    });
    try {
      const attached = await plug(running, added);
      recordFile.update({ changing: undefined });
      return attached;
    } catch (thrown) {
      const error = withSidecarOutput(context.state, recordFile.record, thrown);
      await removeNic(running, nic);
      throw error;
    }
  });
}

/** Refuses what no hypervisor lets go of, or what is not there. */
function refuseFixed({ recordFile }: NicContext, nic: string): void {
  const { nics, vmi } = recordFile.record;
  const known = Object.keys(nics);
  if (!known.includes(nic)) throw missingNic(vmi.metadata.name, nic, known);
  const network = networkOf(vmi, nic);
  if (network === undefined || !isSecondary(network)) throw firstNetworkStays(nic);
}

/** Takes a NIC out of a running VM. @throws VmNotFoundError, BusyError, NicChangeError, LibvirtError where its guest keeps it */
export async function detachNicFromVm(context: ChangeContext, vm: string, nic: string): Promise<void> {
  await withRunning(context, vm, async (running) => {
    const { recordFile } = running;
    refuseFixed(running, nic);
    const plan = recordFile.record.nics[nic]?.plan;
    if (plan === undefined || !(isAdopted(plan) || plan.domain.kind === "hostdev"))
      throw nicStays(nic, recordFile.record.bindings[nic]);
    recordFile.update({ changing: { nic, change: "detach" } });
    try {
      await removeNic(running, nic);
    } catch (error) {
      // A guest that keeps its device keeps all that belongs to it.
      const nics = await new LiveDomain(context.exec, recordFile.record).nics().catch(() => []);
      if (nics.some(({ name }) => name === nic)) recordFile.update({ changing: undefined });
      throw error;
    }
  });
}

/** Sets a NIC's link up or down, as a cable that is plugged in or pulled. @throws VmNotFoundError, BusyError, NicChangeError */
export async function setNicLink(
  context: ChangeContext,
  vm: string,
  nic: string,
  linkState: "up" | "down",
): Promise<void> {
  await withRunning(context, vm, async (running) => {
    const { recordFile, exec } = running;
    const { nics, attached = [], vmi, domainXml = "" } = recordFile.record;
    const plan = nics[nic]?.plan;
    const attachment = attached.find(({ name }) => name === nic);
    if (plan === undefined || attachment === undefined) throw missingNic(vmi.metadata.name, nic, Object.keys(nics));
    const binding = recordFile.record.bindings[nic];
    if (plan.domain.kind !== "tap") throw noLinkState(nic, binding);
    const changed = { ...attachment, state: linkState };
    const xml = writeTapInterface(domainXml, tapDomain(changed, plan, interfaceBackend()));
    const defined = domainNics(xml).find(({ name }) => name === nic);
    if (defined === undefined) throw undefinedNic(nic, binding);
    const interfaces = interfacesOf(vmi).map((one) => (one.name === nic ? { ...one, state: linkState } : one));
    recordFile.update({
      vmi: withInterfaces(vmi, interfaces),
      attached: attached.map((one) => (one.name === nic ? changed : one)),
      domainXml: xml,
    });
    await new LiveDomain(exec, recordFile.record).setLink(defined);
  });
}
