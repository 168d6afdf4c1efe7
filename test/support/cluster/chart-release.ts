/** The chart as a release of helm's on a test cluster. */
import { expect, onTestFailed } from "vitest";
import type { ApiServer } from "./api-server.ts";
import { NAMESPACE } from "./chart.ts";
import type { VmCluster } from "./vm-cluster.ts";

/** Makes the release's namespace, which lets the agent's pods be privileged, as the page on installation says. */
export async function makeReleaseNamespace(api: ApiServer): Promise<void> {
  const labels = { "pod-security.kubernetes.io/enforce": "privileged" };
  await api.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE, labels } });
}

/** Prints what the release's pods said. */
export async function logRelease(api: ApiServer): Promise<void> {
  const inThere = [`--namespace=${NAMESPACE}`];
  const asked = [
    ["get", "pods,jobs,networkbindings", "--output=wide", ...inThere],
    ["get", "events", ...inThere],
    ["logs", "--selector=app=netbind-controller", "--all-containers", "--tail=100", ...inThere],
    ["logs", "--selector=app=netbind-agent", "--all-containers", "--tail=100", ...inThere],
    ["logs", "--selector=app=netbind-uninstall", "--tail=100", ...inThere],
  ];
  for (const args of asked) console.error(await api.kubectl(args).catch(String));
}

/** Does so, should the test fail. */
export function logReleaseOnFailure(cluster: VmCluster): void {
  onTestFailed(() => logRelease(cluster.api));
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
}

/** The reasons of a NetworkBinding's conditions: `Registered: True Written`. */
export async function conditionsOf(api: ApiServer, name: string): Promise<Readonly<Record<string, string>>> {
  const path = `/apis/netbind.dev/v1alpha1/networkbindings/${name}`;
  const read = await api.request<{ readonly status?: { readonly conditions?: readonly Condition[] } }>({ path });
  const conditions = read.status?.conditions ?? [];
  return Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]));
}

/** Waits until VMs can use bindings. */
export async function awaitBindings(api: ApiServer, ...names: readonly string[]): Promise<void> {
  for (const name of names)
    await expect
      .poll(async () => (await conditionsOf(api, name))["Ready"], { timeout: 60_000, interval: 500 })
      .toBe("True Ready");
}
