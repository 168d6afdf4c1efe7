import {
  type ApiClient,
  DEPLOYMENTS,
  KUBEVIRTS,
  LEASES,
  listObjects,
  NETWORK_BINDINGS,
  pause,
  PODS,
  SECRETS,
  VMIS,
} from "@netbind/kube";
import { chooseKubevirt, readKubevirt } from "../kubevirt-cr.ts";
import { readNetworkBinding } from "../network-binding.ts";
import { reconcile } from "../reconcile.ts";
import { readVmi } from "../waiting/followed-objects.ts";
import { deleteBindings } from "./apply-bindings.ts";
import type { HelmRelease } from "./lifecycle-command.ts";
import { isMissing } from "./is-missing.ts";
import { LifecycleError } from "./lifecycle-error.ts";

/** What is withdrawn, and from where. */
export interface WithdrawParts {
  readonly client: ApiClient;
  /** The controller's own namespace, and that of the KubeVirt CR. */
  readonly namespace: string;
  readonly kubevirtNamespace: string;
  /** True where VMIs that use the bindings are nobody's concern. */
  readonly force: boolean;
  /** The release that is uninstalled; absent: nobody uninstalls one. */
  readonly release?: HelmRelease;
  readonly onProgress: (line: string) => void;
  /** Milliseconds within which the controller's pods have to end. */
  readonly timeout?: number;
}

const CONTROLLER = "netbind-controller";
const LOOK = 500;
const ENDED_WITHIN = 120_000;
/** The most VMIs that a refusal names. */
const MOST_NAMED = 20;
const OVER: readonly string[] = ["Succeeded", "Failed"];

/** After a refusal helm counts a release as one that is on its way out: a rollback to what it has brings it back. */
const howToGoOn = ({ name, revision }: HelmRelease, namespace: string): string =>
  ` To keep Netbind: helm rollback ${name} ${revision} --namespace ${namespace}. To uninstall in spite of them, run that, then ` +
  "helm upgrade with --set uninstall.force=true: they run on, and do not start again";

/** @throws LifecycleError where VMIs use bindings of the cluster's NetworkBindings */
async function refuseUsed({ client, namespace, release }: WithdrawParts): Promise<void> {
  const bindings = await listObjects(client, { resource: NETWORK_BINDINGS, read: ({ metadata }) => metadata.name });
  const vmis = await listObjects(client, { resource: VMIS, read: readVmi });
  const users = vmis.flatMap(({ namespace, name, phase, interfaces }) => {
    const used = interfaces.map(({ binding }) => binding).filter((binding) => bindings.includes(binding));
    return used.length === 0 || OVER.includes(phase) ? [] : [`${namespace}/${name} (${[...new Set(used)].join(", ")})`];
  });
  if (users.length === 0) return;
  const rest = users.length > MOST_NAMED ? ` and ${users.length - MOST_NAMED} more` : "";
  throw new LifecycleError(
    `VMIs use bindings of Netbind: ${users.slice(0, MOST_NAMED).join(", ")}${rest}. Nothing was removed. Stop them, and uninstall again.` +
      (release === undefined ? "" : howToGoOn(release, namespace)),
  );
}

/** Sets how many replicas of the controller there are. Gives how many there were; undefined: the Deployment is missing. */
async function scale({ client, namespace }: WithdrawParts, replicas: number): Promise<number | undefined> {
  const place = { resource: DEPLOYMENTS, namespace, name: CONTROLLER, subresource: "scale" } as const;
  try {
    const { spec } = (await client.request({ ...place, verb: "get" })) as { readonly spec: { replicas?: number } };
    await client.request({ ...place, verb: "patch", body: { spec: { replicas } } });
    return spec.replicas ?? 0;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Waits until no pod of the controller is left: none writes what is withdrawn again. */
async function awaitEnd({ client, namespace, timeout = ENDED_WITHIN }: WithdrawParts): Promise<void> {
  const deadline = performance.now() + timeout;
  const ofPods = { resource: PODS, namespace, labelSelector: `app=${CONTROLLER}` };
  for (;;) {
    const pods = await listObjects(client, { ...ofPods, read: ({ metadata }) => metadata.name });
    if (pods.length === 0) return;
    if (performance.now() > deadline)
      throw new LifecycleError(
        `pods of the controller do not end: ${pods.join(", ")}. Nothing was withdrawn: look at them, and uninstall again`,
      );
    await pause(LOOK, AbortSignal.timeout(timeout));
  }
}

/** Removes what the controller has made for itself. */
async function removeOwn({ client, namespace }: WithdrawParts): Promise<void> {
  for (const [resource, name] of [
    [SECRETS, "netbind-webhooks"],
    [LEASES, CONTROLLER],
  ] as const)
    await client.request({ resource, namespace, name, verb: "delete" }).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
}

/** Undoes what the controller wrote: no NetworkBinding is left to be registered. */
async function withdraw({ client, kubevirtNamespace: namespace }: WithdrawParts): Promise<void> {
  const bindings = await listObjects(client, { resource: NETWORK_BINDINGS, read: readNetworkBinding });
  const crs = await listObjects(client, { resource: KUBEVIRTS, namespace, read: readKubevirt });
  const leaving = bindings.map((binding) => ({ ...binding, isDeleting: true }));
  const followed = { bindings: leaving, kubevirt: chooseKubevirt(crs)?.name };
  await reconcile({ client, namespace, release: new Map() }, followed, AbortSignal.timeout(ENDED_WITHIN));
}

/**
 * Ends an installation: refuses where VMIs use it, stops the controller, and undoes what it wrote. What fails in between
 * leaves the controller running, as before.
 *
 * @throws LifecycleError, ApiError
 */
export async function withdrawAll(parts: WithdrawParts): Promise<void> {
  const { client, force, onProgress } = parts;
  if (!force) await refuseUsed(parts);
  const replicas = await scale(parts, 0);
  try {
    await awaitEnd(parts);
    onProgress("the controller is stopped");
    // No VMI of ours has come since: nobody reviews it, so that none is stored.
    if (!force) await refuseUsed(parts);
    await withdraw(parts);
    onProgress("registrations are withdrawn");
  } catch (error) {
    if (replicas !== undefined) await scale(parts, replicas);
    throw error;
  }
  for (const line of await deleteBindings(client)) onProgress(line);
  await removeOwn(parts);
}
