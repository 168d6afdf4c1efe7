import { hash } from "node:crypto";
import { join } from "node:path";
import {
  chooseUid,
  DamagedRecordError,
  knownUsers,
  mayShareUid,
  SERVICE_UIDS,
  type UidRange,
  VM_UIDS,
} from "@netbind/pod";
import { takeLock, usersOfProcesses } from "@netbind/netns";
import { type LocalPodRecord, openRecord } from "./local-pod-record.ts";
import { findQemu } from "../launcher/launcher-of.ts";
import { type State, vmId, vmOfPod } from "./state.ts";
import { missingVm } from "../errors.ts";

const UID_LOCK_WAIT = 60_000;

/** Splits `[namespace/]name`. */
export function parseVmName(text: string): { readonly namespace: string; readonly name: string } {
  const at = text.indexOf("/");
  return at === -1 ? { namespace: "default", name: text } : { namespace: text.slice(0, at), name: text.slice(at + 1) };
}

/** What can be read of a pod's record, and why not where it cannot. */
export function readRecord(state: State, id: string): { readonly record?: LocalPodRecord; readonly damage?: string } {
  try {
    const record = openRecord(state.podDirectory(id))?.record;
    return record === undefined ? {} : { record };
  } catch (error) {
    // Whatever is in the place of a record is in the way of one VM: the others' are read all the same.
    return {
      damage:
        error instanceof DamagedRecordError
          ? error.message
          : `the record of VM ${id} cannot be read: ${(error as Error).message}`,
    };
  }
}

/** The records of pods that can be read, older pods first; of one VM, where it is named. */
export const listPods = (state: State, vm?: string): readonly LocalPodRecord[] =>
  state.podIds(vm).flatMap((id) => readRecord(state, id).record ?? []);

/** The pods of a VM that is between two of them. */
export interface MigratingPods {
  readonly source: LocalPodRecord;
  readonly target: LocalPodRecord;
}

/** A migration that did not come to its end, whose pods are both there. */
export function migratingPods(pods: readonly LocalPodRecord[]): MigratingPods | undefined {
  for (const target of pods) {
    const source = pods.find(({ id }) => id === target.migration?.source);
    if (source !== undefined) return { source, target };
  }
  return undefined;
}

/**
 * The pod that a VM is in. While it is migrated that is where its QEMU runs: the source has one until the target's, which
 * waits for the guest until then, has taken over.
 */
export function currentPod(pods: readonly LocalPodRecord[]): LocalPodRecord | undefined {
  const migrating = migratingPods(pods);
  if (migrating === undefined) return pods.at(-1);
  const { source, target } = migrating;
  const runs = (record: LocalPodRecord): boolean => findQemu(record) !== undefined;
  return target.phase === "running" || (target.phase === "starting" && !runs(source) && runs(target)) ? target : source;
}

/** Every VM's record: that of the pod it is in. By name. */
export const listVms = (state: State): readonly LocalPodRecord[] =>
  state
    .vmIds()
    .flatMap((vm) => currentPod(listPods(state, vm)) ?? [])
    .sort((a, b) => `${a.namespace}/${a.name}`.localeCompare(`${b.namespace}/${b.name}`));

/** A VM's record: that of the pod it is in. @throws VmNotFoundError, DamagedRecordError */
export function findVm(state: State, text: string): LocalPodRecord {
  const { namespace, name } = parseVmName(text);
  const vm = vmId(namespace, name);
  const record = currentPod(listPods(state, vm)) ?? openRecord(state.podDirectory(state.podIds(vm)[0] ?? vm))?.record;
  if (record !== undefined) return record;
  const known = listVms(state).map((one) => `${one.namespace}/${one.name}`);
  throw missingVm(`${namespace}/${name}`, known);
}

/** A sentence for each pod whose record cannot be read. `gc` removes those that do not run. */
export const damagedVms = (state: State): readonly string[] =>
  state.podIds().flatMap((id) => readRecord(state, id).damage ?? []);

/** What a user is chosen by: the same name in another state directory is another's. */
const seedOf = (state: State, id: string): string => hash("sha256", `${state.root}/${id}`);

/** Which user is chosen, and for what. */
interface UidRequest {
  readonly range: UidRange;
  /** Identity of the pod or the VM that is to have it. */
  readonly id: string;
  /** Pods whose user it must not be. */
  readonly others: readonly string[];
  readonly uidOf: (record: LocalPodRecord) => number | undefined;
}

const serviceUidOf = (state: State, id: string): UidRequest => ({
  ...{ range: SERVICE_UIDS, id, others: state.podIds(), uidOf: ({ serviceUid }) => serviceUid },
});

const vmUidOf = (state: State, vm: string): UidRequest => ({
  ...{ range: VM_UIDS, id: vm, uidOf: ({ vmUid }) => vmUid },
  others: state.podIds().filter((pod) => vmOfPod(pod) !== vm),
});

/** The users of a range that other pods' records have, as far as they are near the one that an identity gets. */
function takenUids(state: State, seed: string, { others, uidOf }: UidRequest): readonly number[] {
  // Records are read where they can matter alone: a node has many pods, and two of one seed hardly ever.
  const near = others.filter((other) => mayShareUid(seed, seedOf(state, other)));
  return near.flatMap((other) => {
    const { record } = readRecord(state, other);
    return record === undefined ? [] : (uidOf(record) ?? []);
  });
}

/**
 * For each request a user of its range that no other pod's record has, and that no process has, be it another state directory's;
 * nor is it one that the machine assigns to others, which is asked by one child for all.
 */
function freeUids(state: State, requests: readonly UidRequest[]): readonly number[] {
  const running = [...usersOfProcesses()];
  const choices = requests.map((request) => {
    const seed = seedOf(state, request.id);
    return { range: request.range, seed, taken: [...takenUids(state, seed, request), ...running] };
  });
  for (;;) {
    const chosen = choices.map(({ range, seed, taken }) => chooseUid(range, seed, taken));
    const known = knownUsers(chosen);
    if (known.size === 0) return chosen;
    for (const { taken } of choices) taken.push(...known);
  }
}

/**
 * A user of the pod's own, which no other pod's services run as. The caller holds the lock of {@link withUidLock}.
 *
 * @throws where the machine's users cannot be looked up
 */
export const freeServiceUid = (state: State, id: string): number =>
  freeUids(state, [serviceUidOf(state, id)])[0] as number;

/** Both users of a VM that is new: its own, which no other VM runs as, and its services'. Else as {@link freeServiceUid}. */
export function freeUidsOfVm(state: State, vm: string): { readonly vmUid: number; readonly serviceUid: number } {
  const [vmUid, serviceUid] = freeUids(state, [vmUidOf(state, vm), serviceUidOf(state, vm)]) as [number, number];
  return { vmUid, serviceUid };
}

/** Chooses users and records them, one netbind at a time: two VMs that start at once never get the same. */
export async function withUidLock<T>(state: State, act: () => T): Promise<T> {
  await using _ = await takeLock(join(state.root, "uids.lock"), "the choice of user ids", UID_LOCK_WAIT);
  return act();
}
