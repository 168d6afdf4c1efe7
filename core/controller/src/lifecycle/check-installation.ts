import {
  type ApiClient,
  ApiError,
  DAEMON_SETS,
  KUBEVIRTS,
  listObjects,
  NETWORK_BINDINGS,
  pause,
  typeOf,
  VMIS,
} from "@netbind/kube";
import { isNewerVersion } from "@netbind/kubevirt";
import { isObject } from "@netbind/contract/shape";
import { chooseKubevirt, readKubevirt } from "../kubevirt-cr.ts";
import { type NetworkBinding, readNetworkBinding } from "../network-binding.ts";
import { CHECKED_NAME } from "../webhooks/review-context.ts";
import { isMissing } from "./is-missing.ts";
import { LifecycleError } from "./lifecycle-error.ts";

/** What is checked, and where. */
export interface CheckParts {
  readonly client: ApiClient;
  readonly namespace: string;
  readonly kubevirtNamespace: string;
  /** Milliseconds within which all has to be in order. */
  readonly timeout?: number;
}

/** What one look found: what is in order, and what is not, a line each. */
interface Found {
  readonly good: readonly string[];
  readonly problems: readonly string[];
}

const AGENT = "netbind-agent";
const LOOK = 1000;
const TIMEOUT = 60_000;

const good = (line: string): Found => ({ good: [line], problems: [] });
const problem = (line: string): Found => ({ good: [], problems: [line] });

function judgeBinding({ name, generation, status: { conditions = [] } }: NetworkBinding): Found {
  const of = (type: string) => conditions.find((one) => one.type === type && one.observedGeneration === generation);
  const [ready, registered] = [of("Ready"), of("Registered")];
  if (ready?.status === "True") return good(`binding ${name}: ${registered?.message ?? ready.message}`);
  // KubeVirt's own key serves it: nothing is to be registered.
  if (registered?.reason === "OwnKey") return good(`binding ${name}: ${registered.message}`);
  return problem(`binding ${name}: ${ready?.message ?? "the controller has not looked at it yet"}`);
}

async function checkBindings({ client }: CheckParts): Promise<readonly Found[]> {
  const bindings = await listObjects(client, { resource: NETWORK_BINDINGS, read: readNetworkBinding });
  return bindings.filter(({ isDeleting }) => !isDeleting).map(judgeBinding);
}

async function checkAgents({ client, namespace }: CheckParts): Promise<Found> {
  const place = { resource: DAEMON_SETS, namespace, name: AGENT } as const;
  const { metadata, status } = await client.request({ ...place, verb: "get" });
  const {
    desiredNumberScheduled: desired = 0,
    numberReady: ready = 0,
    observedGeneration,
  } = isObject(status) ? (status as Readonly<Record<string, number>>) : {};
  const isObserved = isObject(metadata) && metadata["generation"] === observedGeneration;
  if (isObserved && desired > 0 && ready === desired) return good(`agents: ready on ${ready} of ${desired} nodes`);
  return problem(`agents: ready on ${ready} of ${desired} nodes: look at the pods of the DaemonSet ${AGENT}`);
}

/** A VMI that KubeVirt would take, and that the webhooks refuse in every cluster. */
const refusedVmi = (namespace: string): object => ({
  ...typeOf(VMIS),
  metadata: { generateName: "netbind-check-", namespace },
  spec: {
    domain: {
      devices: { interfaces: [{ name: "default", binding: { name: CHECKED_NAME } }] },
      resources: { requests: { memory: "64Mi" } },
    },
    networks: [{ name: "default", pod: {} }],
  },
});

/** Lets the API server ask the webhooks, of a VMI that it does not store. */
async function checkWebhooks({ client, namespace, kubevirtNamespace }: CheckParts): Promise<Found> {
  const crs = await listObjects(client, { resource: KUBEVIRTS, namespace: kubevirtNamespace, read: readKubevirt });
  const version = chooseKubevirt(crs)?.version ?? "";
  const query = { dryRun: "All" };
  try {
    await client.request({ resource: VMIS, namespace, verb: "create", query, body: refusedVmi(namespace) });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.message.includes("bindings.netbind.dev") && error.message.includes("REG-1"))
      return good("webhooks: the API server asks them, and they refuse what would never run");
    return problem(`webhooks: the API server does not get their answer: ${error.message}`);
  }
  if (isNewerVersion(version))
    return good(`webhooks: they only warn, because KubeVirt ${version} is newer than this release knows`);
  return problem(
    "webhooks: a VMI with a binding that is not registered is not refused: the API server does not ask them",
  );
}

async function look(parts: CheckParts): Promise<Found> {
  const asked = [checkBindings(parts), checkAgents(parts), checkWebhooks(parts)] as const;
  const settled = await Promise.allSettled(asked);
  const found = settled.flatMap((one): readonly Found[] =>
    one.status === "fulfilled" ? [one.value].flat() : [problem(failure(one.reason))],
  );
  return { good: found.flatMap((one) => one.good), problems: found.flatMap(({ problems }) => problems) };
}

function failure(error: unknown): string {
  if (!(error instanceof ApiError)) throw error;
  return isMissing(error) ? `${error.message}: is Netbind installed in this namespace?` : error.message;
}

/**
 * Checks that bindings are registered, agents ready and webhooks asked, as soon as all is. Gives what was found in order.
 *
 * @throws LifecycleError with all that is not in order yet when the time is over
 */
export async function checkInstallation(parts: CheckParts): Promise<readonly string[]> {
  const { timeout = TIMEOUT } = parts;
  const deadline = performance.now() + timeout;
  for (;;) {
    const found = await look(parts);
    if (found.problems.length === 0) return found.good;
    if (performance.now() > deadline) throw new LifecycleError(found.problems.join("\n"));
    await pause(LOOK, AbortSignal.timeout(timeout));
  }
}
