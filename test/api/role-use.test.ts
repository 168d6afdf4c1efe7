/**
 * Every right of every role in the chart is used, and nothing is denied, by the word of the API server's audit log: the
 * programs run with the chart's rights through all that they do, and what of those was not asked for has no reason to be there.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { AGENT_RULES, accountWith } from "../support/cluster/agent-role.ts";
import type { ApiCredentials, ApiServer } from "../support/cluster/api-server.ts";
import { askWebhook } from "../support/cluster/ask-webhook.ts";
import { askedBy, denied, rightsOf, unused } from "../support/cluster/audit-log.ts";
import { chart, componentOf } from "../support/cluster/chart.ts";
import { AgentProgram, Program } from "../support/cluster/controller-program.ts";
import { controllerAccount } from "../support/cluster/controller-role.ts";
import { eventsOf } from "../support/cluster/events-of.ts";
import { freePort } from "../support/cluster/free-port.ts";
import { writeKubeconfig } from "../support/cluster/kubeconfig.ts";
import { applyNetworkBindingCrd } from "../support/cluster/network-binding-crd.ts";
import { launcherOf, NodeObjects } from "../support/cluster/node-objects.ts";
import { Registering } from "../support/cluster/registering.ts";
import { useApiServer, useCluster } from "../support/cluster/use-api-server.ts";
import { applyEmptyWebhooks, removeWebhookConfigurations } from "../support/cluster/webhook-objects.ts";

const VIRT_CONTROLLER = "system:serviceaccount:kubevirt:kubevirt-controller";
const WITHIN = { timeout: 60_000, interval: 200 };

let api: ApiServer;
let directory: string;
beforeEach(async () => {
  api = useApiServer();
  await applyNetworkBindingCrd(api);
  directory = mkdtempSync(join(tmpdir(), "netbind-roles-"));
  return () => rmSync(directory, { recursive: true });
});

const rolesOf = (component: string): ReturnType<typeof componentOf> =>
  componentOf(component).filter(({ rules }) => rules !== undefined);

function kubeconfigOf(account: ApiCredentials): string {
  const path = join(directory, "kubeconfig");
  writeKubeconfig(path, account);
  return path;
}

/** How often an event was said, by its reason. */
const timesSaid = async (namespace: string, reason: string): Promise<number> =>
  (await eventsOf(api, namespace)).find((event) => event.reason === reason)?.count ?? 0;

test("the chart has no role but the controller's and the agent's", () => {
  const all = chart().filter(({ rules }) => rules !== undefined);
  expect(all).toEqual(expect.arrayContaining([...rolesOf("controller"), ...rolesOf("agent")]));
  expect(all).toHaveLength(rolesOf("controller").length + rolesOf("agent").length);
});

test("the agent uses each of its rights, and is denied nothing", async () => {
  await using namespace = await api.makeNamespace();
  const objects = new NodeObjects(api, namespace.name);
  const uid = await objects.bindPod("vm", await objects.makeVmi("vm"), { hostNetwork: true });
  await objects.patchVmi("vm", { status: { activePods: { [uid]: objects.node } } });
  const account = await accountWith(api, { namespace: namespace.name, name: "agent" }, AGENT_RULES);
  const places = ["--state", join(directory, "state"), "--node-netns", "/proc/self/ns/net"];
  const options = ["--kubeconfig", kubeconfigOf(account), "--node", objects.node, ...places];
  // What one agent has said the next says again, which counts.
  for (const times of [1, 2]) {
    await using _ = new AgentProgram(...options);
    await expect.poll(() => timesSaid(namespace.name, "POD_ON_HOST_NETWORK"), WITHIN).toBe(times);
  }
  const asked = (): ReturnType<typeof askedBy> => askedBy(useCluster(), namespace.name, "agent");
  await expect.poll(() => unused(rightsOf(rolesOf("agent")), asked()), WITHIN).toEqual([]);
  expect(denied(asked())).toEqual([]);
});

/** A review of a VM that names all that a VM can, of its namespace or of the cluster. */
function reviewOf(namespace: string, isOfCluster: boolean): object {
  const kind = (name: string): string => `VirtualMachine${isOfCluster ? "Cluster" : ""}${name}`;
  const vmi = {
    domain: { devices: { interfaces: [{ name: "red", bridge: {} }] } },
    networks: [{ name: "red", multus: { networkName: "lan" } }],
  };
  const spec = {
    preference: { name: "linux", kind: kind("Preference") },
    instancetype: { name: "small", kind: kind("Instancetype") },
    template: { metadata: {}, spec: vmi },
  };
  const object = { metadata: {}, spec };
  const of = { uid: "u", operation: "CREATE", kind: { kind: "VirtualMachine" }, namespace, name: "vm", object };
  return { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: of };
}

/** A review of the pod that KubeVirt makes of a VM, `vmi` being its UID. */
function podReviewOf(namespace: string, vmi: string): object {
  const object = { kind: "Pod", ...launcherOf({ vm: "vm", vmi, node: "" }) };
  const userInfo = { username: VIRT_CONTROLLER };
  const request = { uid: "u", operation: "CREATE", kind: { kind: "Pod" }, namespace, name: "", object, userInfo };
  return { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request };
}

test("the controller uses each of its rights, and is denied nothing", async () => {
  await applyEmptyWebhooks(api);
  await using lab = await Registering.make(api, {});
  const vmi = await new NodeObjects(api, lab.namespace).makePendingVmi("vm");
  const hco = await lab.create("hyperconvergeds", "hco", {});
  const port = await freePort();
  const options = [
    ...["--kubeconfig", kubeconfigOf(await controllerAccount(api, lab.namespace))],
    ...["--namespace", lab.namespace, "--kubevirt-namespace", lab.namespace, "--webhooks", `127.0.0.1:${port}`],
    ...["--virt-controller", VIRT_CONTROLLER],
  ];
  {
    await using _ = new Program(...options, "--webhook-url", `https://127.0.0.1:${port}`);
    await expect.poll(() => timesSaid(lab.namespace, "BINDING_UNREGISTERED"), WITHIN).toBe(1);
    await lab.bind("slirp");
    await expect.poll(() => lab.reason("slirp", "Registered"), WITHIN).toBe("True Written");
    for (const isOfCluster of [true, false])
      await expect
        .poll(() => askWebhook(port, reviewOf(lab.namespace, isOfCluster)), WITHIN)
        .toContain('"allowed":true');
    await askWebhook(port, podReviewOf(lab.namespace, vmi), "/mutate-pod");
    const owner = { apiVersion: "hco.kubevirt.io/v1beta1", kind: "HyperConverged", name: "hco", uid: hco };
    await lab.own([owner]);
    await expect.poll(() => lab.specOf("hyperconvergeds", "hco"), WITHIN).toHaveProperty("networkBinding");
    await lab.unbind("slirp");
    await expect.poll(() => lab.names(), WITHIN).toEqual([]);
  }
  {
    // Another name takes another certificate.
    await using _ = new Program(...options, "--webhook-url", `https://localhost:${port}`);
    await expect.poll(() => timesSaid(lab.namespace, "BINDING_UNREGISTERED"), WITHIN).toBe(2);
    const asked = (): ReturnType<typeof askedBy> => askedBy(useCluster(), lab.namespace, "netbind-controller");
    await expect.poll(() => unused(rightsOf(rolesOf("controller")), asked()), WITHIN).toEqual([]);
    expect(denied(asked())).toEqual([]);
  }
  await removeWebhookConfigurations(api);
});
