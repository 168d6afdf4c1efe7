import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { isHandedOver, type NicStatus, nicNames, nicStatus, awaitedGuestAddresses, tapOf, type VmiStatusInterface } from "@netbind/engine";
import { inNetns, isAlive, type Run, sightNic } from "@netbind/netns";
import { guestInterfaces } from "./guest-interfaces.ts";
import { Journal, JournalError, type VmRecord } from "./journal.ts";
import { consoleFiles } from "./launcher/console.ts";
import { findQemu } from "./launcher/libvirt.ts";
import { BusyError, type Lock, takeLock, takeVmLock } from "./lock.ts";
import { netnsPath } from "./node-netns.ts";
import { removeIdleNode, retract } from "./retract.ts";
import { type State, vmId } from "./state.ts";

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
  readonly processes: readonly { readonly role: string; readonly pids: readonly number[]; readonly alive: boolean }[];
}

/** There is no such VM. */
export class VmNotFoundError extends Error {
  override readonly name = "VmNotFoundError";
}

const DEFAULT_GRACE = 30_000;
/** Somebody who is about to end working on the VM is waited for. */
const PATIENCE = 5000;
const NODE_PATIENCE = 60_000;

/** Splits `[namespace/]name`. */
export function parseVmName(text: string): { readonly namespace: string; readonly name: string } {
  const at = text.indexOf("/");
  return at === -1 ? { namespace: "default", name: text } : { namespace: text.slice(0, at), name: text.slice(at + 1) };
}

/** A VM's record. @throws VmNotFoundError */
export function findVm(state: State, text: string): VmRecord {
  const { namespace, name } = parseVmName(text);
  const journal = Journal.open(state.vm(vmId(namespace, name)));
  if (journal !== undefined) return journal.record;
  const known = listVms(state).map((record) => `${record.namespace}/${record.name}`);
  throw new VmNotFoundError(`there is no VM ${namespace}/${name} on this machine (there are: ${known.join(", ") || "none"})`);
}

/** What can be read of a VM's record, and why not where it cannot. */
function readRecord(state: State, id: string): { readonly record?: VmRecord; readonly damage?: string } {
  try {
    const record = Journal.open(state.vm(id))?.record;
    return record === undefined ? {} : { record };
  } catch (error) {
    if (error instanceof JournalError) return { damage: error.message };
    throw error;
  }
}

/** A sentence for each VM whose record cannot be read. `gc` removes those that do not run. */
export const damagedVms = (state: State): readonly string[] => state.vmIds().flatMap((id) => readRecord(state, id).damage ?? []);

/** Every VM's record, by name. */
export const listVms = (state: State): readonly VmRecord[] =>
  state
    .vmIds()
    .flatMap((id) => readRecord(state, id).record ?? [])
    .sort((a, b) => `${a.namespace}/${a.name}`.localeCompare(`${b.namespace}/${b.name}`));

/** The NICs of a VM, as they are seen now. */
export async function seeNics(run: Run, record: VmRecord): Promise<readonly NicStatus[]> {
  const runIn = inNetns(netnsPath(record.netns), run);
  const interfaces = record.vmi.spec.domain.devices.interfaces ?? [];
  const seen = await Promise.all(
    Object.entries(record.nics).map(async ([name, { before, plan }]): Promise<NicStatus | undefined> => {
      const nic = interfaces.find((candidate) => candidate.name === name);
      const network = record.vmi.spec.networks?.find((candidate) => candidate.name === name);
      const attachment = record.attached?.find((candidate) => candidate.name === name);
      if (before === undefined || plan === undefined || nic === undefined || network === undefined || attachment === undefined)
        return undefined;
      const { bridge, tap: reserved } = nicNames(network);
      const tap = tapOf(attachment, plan) ?? reserved;
      const addresses = awaitedGuestAddresses(attachment, plan);
      const handedOver = isHandedOver(plan);
      const sighting = await sightNic(runIn, { bridge, tap, mac: attachment.mac, addresses, handedOver }).catch(() => ({
        answered: [],
        packets: { fromGuest: 0, toGuest: 0 },
      }));
      return nicStatus(record.bindings[name] ?? "", attachment, plan, sighting);
    }),
  );
  return seen.filter((status) => status !== undefined);
}

function phaseOf(record: VmRecord): VmStatus["phase"] {
  const runs = findQemu(netnsPath(record.netns)) !== undefined;
  return record.phase === "running" && !runs ? "over" : record.phase;
}

/** A VM's status; with `askGuest`, its guest's agent is asked too. */
export async function vmStatus(run: Run, record: VmRecord, { askGuest = false }: { readonly askGuest?: boolean } = {}): Promise<VmStatus> {
  const { namespace, name, netns, createdAt, source } = record;
  const asked = askGuest && findQemu(netnsPath(netns)) !== undefined;
  return {
    namespace,
    name,
    phase: phaseOf(record),
    netns,
    createdAt,
    source,
    nics: existsSync(netnsPath(netns)) ? await seeNics(run, record) : [],
    ...(asked ? { interfaces: await guestInterfaces(run, record) } : {}),
    processes: record.processes.map(({ role, processes }) => ({
      role,
      pids: processes.map(({ pid }) => pid),
      alive: processes.length > 0 && processes.every(isAlive),
    })),
  };
}

/** Stops a VM, from its record alone. @throws VmNotFoundError, BusyError */
export async function stopVm(state: State, run: Run, text: string, force: boolean): Promise<void> {
  const { id, vmi, namespace, name } = findVm(state, text);
  await using _ = await takeVmLock(state, id, `VM ${namespace}/${name}`, PATIENCE);
  const grace = (vmi.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE / 1000) * 1000;
  await retract(state, run, id, force ? 0 : grace);
}

/** Removes what no living VM owns. Returns the VMs that were removed. */
export async function collectGarbage(state: State, run: Run): Promise<readonly string[]> {
  const removed: string[] = [];
  if (!existsSync(state.root)) return removed;
  for (const id of new Set([...state.vmIds(), ...state.lockIds(), ...podsOf(state)])) {
    let lock: Lock;
    try {
      lock = await takeVmLock(state, id, `VM ${id}`);
    } catch (error) {
      // A netbind is at work on it: it lives.
      if (error instanceof BusyError) continue;
      throw error;
    }
    await using _ = lock;
    const name = await collectVm(state, run, id);
    if (name !== undefined) removed.push(name);
  }
  await using _ = await takeLock(join(state.root, "node.lock"), "the node's network", NODE_PATIENCE);
  await removeIdleNode(state, run);
  return removed;
}

/** Removes one VM, unless it lives; the caller holds its lock. Gives the name of what was removed. */
async function collectVm(state: State, run: Run, id: string): Promise<string | undefined> {
  const { record } = readRecord(state, id);
  const netns = netnsPath(record?.netns ?? state.podNetns(id));
  if (findQemu(netns) !== undefined) return undefined;
  const there = existsSync(state.vm(id)) || existsSync(netns);
  await retract(state, run, id, 0);
  return there ? (record === undefined ? id : `${record.namespace}/${record.name}`) : undefined;
}

/** VMs of which a pod's namespace is there. */
const podsOf = (state: State): readonly string[] =>
  existsSync("/run/netns") ? readdirSync("/run/netns").flatMap((name) => state.idOfPod(name) ?? []) : [];

/** The socket that a VM's console is served on. */
export const consoleSocket = (state: State, record: VmRecord): string => consoleFiles(join(state.vm(record.id), "launcher")).socket;
