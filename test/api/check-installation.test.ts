/** helm test's command on a real API server: all that is not in order is said, and then all that is. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkInstallation } from "@netbind/controller";
import { ApiClient } from "@netbind/kube";
import { beforeAll, expect, test } from "vitest";
import { connectionOf } from "../support/cluster/api-connection.ts";
import type { ApiServer } from "../support/cluster/api-server.ts";
import { chartObject } from "../support/cluster/chart.ts";
import { Program } from "../support/cluster/controller-program.ts";
import { allowHook, controllerAccount } from "../support/cluster/controller-role.ts";
import { openInward } from "../support/cluster/inward.ts";
import { writeKubeconfig } from "../support/cluster/kubeconfig.ts";
import { hookRights } from "../support/cluster/hook-rights.ts";
import { applyNetworkBindingCrd } from "../support/cluster/network-binding-crd.ts";
import { Registering } from "../support/cluster/registering.ts";
import { freePort } from "../support/cluster/free-port.ts";
import { useApiServer, useCluster } from "../support/cluster/use-api-server.ts";
import { applyEmptyWebhooks, removeWebhookConfigurations } from "../support/cluster/webhook-objects.ts";

let api: ApiServer;
beforeAll(async () => {
  api = useApiServer();
  await applyNetworkBindingCrd(api);
  await applyEmptyWebhooks(api);
});

/** The agents' DaemonSet, of which nobody makes pods here. */
async function makeAgents(namespace: string, ready: number): Promise<void> {
  const { metadata, ...daemonSet } = chartObject("DaemonSet", "netbind-agent");
  await api.apply({ ...daemonSet, metadata: { name: metadata.name, namespace } });
  const path = `/apis/apps/v1/namespaces/${namespace}/daemonsets/netbind-agent/status`;
  const counts = { currentNumberScheduled: 2, desiredNumberScheduled: 2, numberMisscheduled: 0, numberReady: ready };
  await api.request({ method: "PATCH", path, body: { status: { ...counts, observedGeneration: 1 } } });
}

test("what is not registered, ready or asked is said at once; when all is in order, that", async () => {
  await using stack = new AsyncDisposableStack();
  stack.defer(() => removeWebhookConfigurations(api));
  const lab = stack.use(await Registering.make(api, {}));
  const { namespace } = lab;
  const account = await controllerAccount(api, namespace);
  await allowHook(api, namespace, "check");
  const client = stack.use(new ApiClient(connectionOf(account)));
  const check = (timeout: number): Promise<readonly string[]> =>
    checkInstallation({ client, namespace, kubevirtNamespace: namespace, timeout });
  await lab.bind("macvtap");
  await lab.bind("sriov");
  const problems = await check(0).then(String, (error: Error) => error.message);
  expect(problems.split("\n")).toEqual([
    "binding macvtap: the controller has not looked at it yet",
    "binding sriov: the controller has not looked at it yet",
    expect.stringMatching(/daemonsets.*is Netbind installed in this namespace\?$/),
    expect.stringContaining("a VMI with a binding that is not registered is not refused"),
  ]);
  await makeAgents(namespace, 1);
  await expect(check(0)).rejects.toThrow("agents: ready on 1 of 2 nodes");
  await makeAgents(namespace, 2);
  const directory = mkdtempSync(join(tmpdir(), "netbind-check-"));
  stack.defer(() => rmSync(directory, { recursive: true }));
  writeKubeconfig(join(directory, "kubeconfig"), account);
  const port = await freePort();
  const inward = stack.use(await openInward(useCluster(), port));
  const place = ["--kubeconfig", join(directory, "kubeconfig"), "--namespace", namespace];
  const url = ["--webhooks", `127.0.0.1:${port}`, "--webhook-url", `https://127.0.0.1:${inward.port}`];
  const program = stack.use(new Program(...place, "--kubevirt-namespace", namespace, ...url));
  const found = await check(60_000);
  expect(found).toHaveLength(4);
  expect(hookRights(useCluster(), namespace, "check")).toEqual({ unused: [], denied: [] });
  expect(found.join("\n")).toContain("webhooks: the API server asks them, and they refuse what would never run");
  await program.end("SIGKILL");
  await expect(check(0)).rejects.toThrow("webhooks: the API server does not get their answer");
});
