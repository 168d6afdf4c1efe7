import { join } from "node:path";
import { isServedByPasst, tapOf } from "@netbind/domain";
import { awaitedGuestAddresses, isAdopted, type NicStatus, nicStatus } from "@netbind/engine";
import type { VmiStatusInterface } from "@netbind/kubevirt";
import { interfaceOf, networkOf } from "@netbind/kubevirt";
import { BusyError, type Exec, exists, inNetns, isAlive, namesIn, probeNic, type Lock, takeLock } from "@netbind/netns";
import { graceOf } from "./grace.ts";
import { guestInterfaces } from "./guest-interfaces.ts";
import type { LocalPodRecord } from "../record/local-pod-record.ts";
import { domainName } from "../launcher/base-domain.ts";
import { isQemuIn } from "../launcher/launcher-processes.ts";
import { qemuCrash } from "../launcher/qemu-crash.ts";
import { findPasst, findQemu } from "../launcher/launcher-of.ts";
import { limitsOf } from "../pod/pod-groups.ts";
import { takeVmLock } from "../record/lock.ts";
import { isNetns, netnsPath } from "../node/node-netns.ts";
import { forEachVm, type VmFailure } from "./each-vm.ts";
import { findVm, listPods, readRecord } from "../record/pods.ts";
import { removeIdleNode, teardownPod, teardownVm } from "../pod/teardown.ts";
import { recoverMigration } from "../migration/recover-migration.ts";
import { type State, vmOfPod } from "../record/state.ts";
import { writableDirectory } from "../pod/writable.ts";

/** A VM as the record and the kernel show it. */
export interface VmStatus {
  readonly namespace: string;
  readonly name: string;
  /** `over`: its QEMU is gone, and `gc` removes what is left. */
  readonly phase: "starting" | "running" | "stopping" | "over";
  readonly netns: string;
  readonly createdAt: string;
  readonly source: string;
  readonly nics: readonly NicStatus[];
  /** `status.interfaces` as a cluster would report it; where the guest was asked. */
  readonly interfaces?: readonly VmiStatusInterface[];
  /** The limits that something of it has run into, a sentence each; absent where there are none. */
  readonly limits?: readonly string[];
  readonly processes: readonly { readonly role: string; readonly pids: readonly number[]; readonly alive: boolean }[];
}

/** How long to wait for a process that finishes its work on the VM. */
const LOCK_TIMEOUT = 5000;
const NODE_PATIENCE = 60_000;

/** The NICs of a VM, as they are seen now. */
export async function probeNics(exec: Exec, record: LocalPodRecord): Promise<readonly NicStatus[]> {
  const execIn = inNetns(netnsPath(record.netns), exec);
  const probed = await Promise.all(
    Object.entries(record.nics).map(async ([name, { podLink, plan }]): Promise<NicStatus | undefined> => {
      const nic = interfaceOf(record.vmi, name);
      const network = networkOf(record.vmi, name);
      const attachment = record.attached?.find((candidate) => candidate.name === name);
      if (
        podLink === undefined ||
        plan === undefined ||
        nic === undefined ||
        network === undefined ||
        attachment === undefined
      )
        return undefined;
      const { bridge, tap: reserved } = attachment.names;
      const tap = tapOf(attachment, plan) ?? reserved;
      const addresses = awaitedGuestAddresses(attachment, plan);
      const adopted = isAdopted(plan);
      const sighting = await probeNic(execIn, { bridge, tap, mac: attachment.mac, addresses, adopted }).catch(() => ({
        answered: [],
        packets: { fromGuest: 0, toGuest: 0 },
      }));
      return nicStatus(record.bindings[name] ?? "", attachment, plan, sighting);
    }),
  );
  return probed.filter((status) => status !== undefined);
}

function phaseOf(record: LocalPodRecord): VmStatus["phase"] {
  const runs = findQemu(record) !== undefined;
  return record.phase === "running" && !runs ? "over" : record.phase;
}

/** A VM's status; with `askGuest`, its guest's agent is asked too. */
export async function vmStatus(
  exec: Exec,
  record: LocalPodRecord,
  { askGuest = false }: { readonly askGuest?: boolean } = {},
): Promise<VmStatus> {
  const { namespace, name, netns, createdAt, source } = record;
  const limits = limitsOf(record);
  const asked = askGuest && findQemu(record) !== undefined;
  return {
    namespace,
    name,
    phase: phaseOf(record),
    netns,
    createdAt,
    source,
    nics: isNetns(netnsPath(netns)) ? await probeNics(exec, record) : [],
    ...(asked ? { interfaces: await guestInterfaces(exec, record) } : {}),
    ...(limits.length === 0 ? {} : { limits }),
    processes: [...record.processes, ...passtProcesses(record)].map(({ role, processes }) => ({
      role,
      pids: processes.map(({ pid }) => pid),
      alive: processes.length > 0 && processes.every(isAlive),
    })),
  };
}

/** What libvirt runs beside QEMU for a NIC, and starts again by itself: no record has it. */
const passtProcesses = (record: LocalPodRecord): LocalPodRecord["processes"] =>
  Object.entries(record.nics).flatMap(([nic, { plan }]) =>
    plan !== undefined && isServedByPasst(plan) ? [{ role: `passt ${nic}`, processes: findPasst(record) }] : [],
  );

/** What a VM's QEMU said last, where it crashed. */
export async function findCrash(state: State, record: LocalPodRecord): Promise<string | undefined> {
  if (findQemu(record) !== undefined) return undefined;
  const said = await qemuCrash(join(writableDirectory(state, record), "launcher"), domainName(record.vmi));
  return said === undefined ? undefined : [said, ...limitsOf(record)].join("; ");
}

/** Stops a VM, from its record alone. @throws VmNotFoundError, BusyError */
export async function stopVm(state: State, exec: Exec, text: string, force: boolean): Promise<void> {
  const { id, vmi, namespace, name } = findVm(state, text);
  const vm = vmOfPod(id);
  await using _ = await takeVmLock(state, vm, `VM ${namespace}/${name}`, LOCK_TIMEOUT);
  // The guest can be asked only where it is.
  if (!force) await recoverMigration({ state, exec }, vm);
  await teardownVm(state, exec, vm, force ? 0 : graceOf(vmi).milliseconds);
}

/** What a collection removed, and what it could not: one VM's trouble keeps no other from being removed. */
export interface Collected {
  readonly removed: readonly string[];
  readonly failed: readonly VmFailure[];
}

/** Removes what no living VM owns, and ends migrations that were interrupted. */
export async function collectGarbage(state: State, exec: Exec): Promise<Collected> {
  if (!exists(state.root)) return { removed: [], failed: [] };
  const vms = new Set(
    [...state.podIds(), ...state.lockIds(), ...state.writableIds(), ...podsWithNetns(state)].map(vmOfPod),
  );
  // A record that was removed with half of its VM has no name any more.
  const names = new Map([...vms].map((vm) => [vm, nameOf(state, vm)]));
  const { done, failed } = await forEachVm(
    vms,
    (vm) => names.get(vm) ?? vm,
    (vm) => collectUnused(state, exec, vm),
  );
  await using _ = await takeLock(join(state.root, "node.lock"), "the node's network", NODE_PATIENCE);
  await removeIdleNode(state, exec);
  return { removed: done.filter((name) => name !== undefined), failed };
}

const nameOf = (state: State, vm: string): string => {
  const record = listPods(state, vm).at(-1);
  return record === undefined ? vm : `${record.namespace}/${record.name}`;
};

/** Removes what is left of one VM, where no process works on it: else it lives. */
async function collectUnused(state: State, exec: Exec, vm: string): Promise<string | undefined> {
  let lock: Lock;
  try {
    lock = await takeVmLock(state, vm, `VM ${vm}`);
  } catch (error) {
    if (error instanceof BusyError) return undefined;
    throw error;
  }
  await using _ = lock;
  return await collectVm(state, exec, vm);
}

/** Removes the pods of one VM that it does not live in; the caller holds its lock. Gives the VM's name where it is gone. */
async function collectVm(state: State, exec: Exec, vm: string): Promise<string | undefined> {
  const settled = await recoverMigration({ state, exec }, vm);
  const runs = (id: string): boolean => {
    const { record } = readRecord(state, id);
    return record === undefined ? isQemuIn(netnsPath(state.podNetns(id)), state.cache) : findQemu(record) !== undefined;
  };
  const pods = new Set([vm, ...state.podIds(vm), ...podsWithNetns(state).filter((id) => vmOfPod(id) === vm)]);
  const lives = [...pods].some(runs);
  const name = nameOf(state, vm);
  let there = false;
  for (const id of pods) {
    if (runs(id)) continue;
    there ||=
      exists(state.podDirectory(id)) || exists(netnsPath(readRecord(state, id).record?.netns ?? state.podNetns(id)));
    await teardownPod(state, exec, id, 0);
  }
  if (lives) return settled ? `${name} (what a migration left)` : undefined;
  return there ? name : undefined;
}

/** Pods whose namespace is there. */
const podsWithNetns = (state: State): readonly string[] =>
  namesIn("/run/netns").flatMap((name) => state.idOfPod(name) ?? []);
