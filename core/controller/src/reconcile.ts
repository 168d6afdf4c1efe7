import { defined } from "@netbind/contract";
import { type ApiClient, ApiError, type ApiEvent, NETWORK_BINDINGS, typeOf } from "@netbind/kube";
import type { NetworkBinding } from "./network-binding.ts";
import { findPlanner, type PlannerSources } from "./planners.ts";
import { type DesiredEntry, desiredEntry } from "./registration/desired-entry.ts";
import { judgeEntry } from "./registration/judge-entry.ts";
import { type Desired, isForeign } from "./registration/plan-registry.ts";
import { readRegistries, type Registries } from "./registration/read-registries.ts";
import type { Reverts } from "./registration/reverts.ts";
import { ownNames, type Registry, registryName } from "./registration/registry.ts";
import { resolveImage, type ResolvedImage } from "./registration/resolve-image.ts";
import { writeRegistry } from "./registration/write-registry.ts";
import { conditionsOf, isFalse, type Verdict } from "./status/conditions.ts";
import { judgeGrants } from "./status/judge-grants.ts";
import { FINALIZER, writeFinalizer, writeStatus } from "./status/write-status.ts";

/** What bindings are reconciled with. */
export interface ReconcileParts extends PlannerSources {
  readonly client: ApiClient;
  /** The namespace of the KubeVirt CR. */
  readonly namespace: string;
  /** Records an event; absent: none are recorded. */
  readonly record?: (event: ApiEvent) => void;
  /** What was written before; absent: it is not remembered. */
  readonly reverts?: Reverts;
}

/** What is known of a cluster, of whatever age. */
export interface Followed {
  readonly bindings: readonly NetworkBinding[];
  /** The name of the KubeVirt CR; absent: there is none. */
  readonly kubevirt: string | undefined;
}

/** A binding with what is to be registered of it. */
interface Considered {
  readonly binding: NetworkBinding;
  readonly image: ResolvedImage;
  readonly planner: Verdict;
  readonly desired: DesiredEntry;
}

/** Registries as they are once they were written. */
interface WrittenRegistries extends Registries {
  /** Why the server refused it. */
  readonly refusal?: string;
}

async function consider(binding: NetworkBinding, parts: ReconcileParts): Promise<Considered> {
  const image = resolveImage(binding, parts.release);
  const planner = await findPlanner(binding.name, image.verdict.reason !== "NoSidecar", parts);
  const desired = desiredEntry(binding, image, planner.migration, parts.release);
  return { binding, image, planner: planner.verdict, desired };
}

const isRegistry = (one: Registry | Verdict): one is Registry => "object" in one;

/** What each registry is to have: the one that is not to be written to, nothing. */
async function writeOnce(
  { client, namespace, reverts }: ReconcileParts,
  kubevirt: string | undefined,
  desired: ReadonlyMap<string, Desired>,
  signal: AbortSignal,
): Promise<Registries> {
  const read = await readRegistries(client, { namespace, name: kubevirt }, signal);
  if (!isRegistry(read.chosen)) return read;
  const unwritten = read.chosen;
  reverts?.observe(unwritten, desired.keys());
  const due = new Map(
    [...desired].map(([name, one]): [string, Desired] => [
      name,
      reverts?.isPaused(unwritten, name) === true ? "kept" : one,
    ]),
  );
  const chosen = await writeRegistry(client, unwritten, due, signal);
  reverts?.leave(chosen);
  if (read.kubevirt === undefined || read.kubevirt === read.chosen) return { chosen, kubevirt: chosen };
  // Written before an operator owned the CR.
  return { chosen, kubevirt: await writeRegistry(client, read.kubevirt, new Map(), signal) };
}

/** Writes the registries, once more where they were changed in between; refusals are the bindings' to say. */
async function write(
  parts: ReconcileParts,
  kubevirt: string | undefined,
  desired: ReadonlyMap<string, Desired>,
  signal: AbortSignal,
): Promise<WrittenRegistries> {
  const isConflict = (error: unknown): boolean => error instanceof ApiError && error.status === 409;
  try {
    return await writeOnce(parts, kubevirt, desired, signal).catch(async (error: unknown) => {
      if (!isConflict(error)) throw error;
      return await writeOnce(parts, kubevirt, desired, signal);
    });
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === undefined || signal.aborted) throw error;
    const { client, namespace } = parts;
    const read = await readRegistries(client, { namespace, name: kubevirt }, signal);
    return { ...read, refusal: error.message };
  }
}

function judgeRegistered(
  { binding, desired }: Considered,
  { chosen, kubevirt, refusal }: WrittenRegistries,
  reverts: Reverts | undefined,
): Verdict {
  if (!isRegistry(chosen)) return chosen;
  const isWritten = ownNames(chosen).includes(binding.name);
  if ("kept" in desired) {
    const said = `${desired.kept.message}; what was written into ${registryName(chosen)} before stays`;
    return isWritten ? { ...desired.kept, message: said } : desired.kept;
  }
  // What another has registered since, as the condition said to, stands and is not reverted.
  const reverted = isForeign(chosen, binding.name) ? undefined : reverts?.judge(chosen, binding.name);
  if (reverted !== undefined) return reverted;
  const verdict = judgeEntry(binding.name, desired.entry, chosen, kubevirt);
  return refusal === undefined || verdict.isTrue ? verdict : isFalse("WriteRefused", refusal);
}

/** Reports that this release's image serves where an administrator gave none: once for each image. */
function recordFallback({ binding, image }: Considered, { record }: ReconcileParts): void {
  if (image.verdict.reason !== "FromRelease" || binding.status.image === image.image) return;
  const { name, uid } = binding;
  const message = `spec.image is not given: ${image.verdict.message}`;
  record?.({ about: { ...typeOf(NETWORK_BINDINGS), name, uid }, type: "Warning", reason: "IMAGE_FALLBACK", message });
}

/** Removes the finalizers of bindings that go, once nothing of them is registered any more. */
async function letGo(
  { client }: ReconcileParts,
  leaving: readonly NetworkBinding[],
  { chosen, kubevirt, refusal }: WrittenRegistries,
  signal: AbortSignal,
): Promise<void> {
  const registries = [chosen, ...(kubevirt === undefined ? [] : [kubevirt])].filter(isRegistry);
  const kept = new Set(registries.flatMap(ownNames));
  const undone = leaving.filter(({ name }) => !kept.has(name));
  // Where an operator's CR cannot be read, it is not known what it has.
  if (refusal === undefined && (isRegistry(chosen) || kubevirt === undefined))
    await Promise.all(undone.map((binding) => writeFinalizer(client, binding, false, signal)));
}

/**
 * Registers the bindings of a cluster, undoes those that go, and says of each how it is.
 *
 * @throws Error where something could not be done: it is tried again
 */
export async function reconcile(parts: ReconcileParts, followed: Followed, signal: AbortSignal): Promise<void> {
  const { client } = parts;
  const staying = followed.bindings.filter(({ isDeleting }) => !isDeleting);
  const hasFinalizer = ({ finalizers }: NetworkBinding): boolean => finalizers.includes(FINALIZER);
  // Before anything is written of it: what goes at once could not be undone.
  const unheld = staying.filter((binding) => !hasFinalizer(binding));
  await Promise.all(unheld.map((binding) => writeFinalizer(client, binding, true, signal)));
  const considered = await Promise.all(staying.map((binding) => consider(binding, parts)));
  const desired = new Map(
    considered.map(({ binding, desired }): [string, Desired] => [
      binding.name,
      "entry" in desired ? desired.entry : "kept",
    ]),
  );
  const registries = await write(parts, followed.kubevirt, desired, signal);
  const leaving = followed.bindings.filter((binding) => binding.isDeleting && hasFinalizer(binding));
  await letGo(parts, leaving, registries, signal);
  for (const one of considered) {
    const { binding, image } = one;
    const verdicts = {
      ImageResolved: image.verdict,
      PlannerReachable: one.planner,
      Registered: judgeRegistered(one, registries, parts.reverts),
      grants: judgeGrants(binding),
    };
    const conditions = conditionsOf(verdicts, binding.generation, binding.status.conditions ?? [], new Date());
    recordFallback(one, parts);
    await writeStatus(client, binding, defined({ image: image.image, conditions }), signal);
  }
  if (registries.refusal !== undefined) throw new Error(registries.refusal);
}
