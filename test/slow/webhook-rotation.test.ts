/** Certificates and their authority are changed while VMs are stored, 50 a second, and none of them fails. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { readSecret, reviewContextOf } from "@netbind/controller";
import { ApiClient, type ApiObject, SECRETS, VMIS } from "@netbind/kube";
import { waitUntil } from "@netbind/netns";
import { expect, test } from "vitest";
import { connectionOf } from "../support/cluster/api-connection.ts";
import { ApiServer } from "../support/cluster/api-server.ts";
import { downCluster, upCluster } from "../support/cluster/cluster.ts";
import { ClusterDirectory } from "../support/cluster/cluster-directory.ts";
import { defaultRelease } from "../support/cluster/kubernetes.ts";
import { applyCrds } from "../support/cluster/kubevirt-crds.ts";
import { testRelease } from "../support/cluster/registering.ts";
import { ServedWebhooks } from "../support/cluster/served-webhooks.ts";

const PER_SECOND = 50;
const MILLISECONDS = 75_000;
/** An authority is made known for a while before it certifies. */
const LIFETIMES = { authority: 60_000, server: 15_000 };

test("no VM fails to be stored while certificates and their authority are changed", async () => {
  await using stack = new AsyncDisposableStack();
  const directory = new ClusterDirectory(`rotation-${process.pid}`);
  await upCluster(directory, { release: defaultRelease(), nodes: 0 });
  stack.defer(() => downCluster(directory));
  const api = new ApiServer(directory);
  await applyCrds(api);
  const { name: namespace } = stack.use(await api.makeNamespace());
  const configuration = { network: { binding: { passt: { sidecarImage: "passt:1" } } } };
  const context = reviewContextOf({ configuration, version: "v1.9.0" }, [], testRelease());
  const parts = { api, cluster: directory, namespace, virtController: "nobody", context: () => context };
  const webhooks = await ServedWebhooks.make({ ...parts, lifetimes: LIFETIMES }, stack);
  webhooks.up();
  using client = new ApiClient(connectionOf(api.credentials));

  const store = async (): Promise<object> => {
    const body = {
      ...{ apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstance", metadata: { name: randomUUID() } },
      spec: {
        domain: { devices: { interfaces: [{ name: "red", passt: {} }] } },
        networks: [{ name: "red", pod: {} }],
      },
    };
    const query = { dryRun: "All" };
    return await client.request({ verb: "create", resource: VMIS, namespace, body, query });
  };
  const isAsked = async (): Promise<boolean> => JSON.stringify(await store()).includes("netbind.dev/bindings");
  expect(await waitUntil(isAsked, 30_000, 100), webhooks.problems.join("\n")).toBe(true);

  const [shown, certifying] = [new Set<string>(), new Set<string>()];
  const look = async (): Promise<void> => {
    const stored = await client.request({ verb: "get", resource: SECRETS, namespace, name: "netbind-webhooks" });
    const certificates = readSecret(stored as unknown as ApiObject);
    shown.add(certificates?.server.cert ?? "");
    certifying.add(certificates?.authorities[0] ?? "");
  };
  const failures: string[] = [];
  const running: Promise<unknown>[] = [];
  const start = performance.now();
  for (let at = 0; at < (MILLISECONDS / 1000) * PER_SECOND; at++) {
    // The next one is due whether or not the last one was answered.
    await sleep(Math.max(0, start + (at * 1000) / PER_SECOND - performance.now()));
    const said = isAsked().then(
      (asked) => (asked ? [] : ["stored unchanged"]),
      ({ message }: Error) => [message],
    );
    running.push(said.then((all) => failures.push(...all)));
    if (at % PER_SECOND === 0) running.push(look());
  }
  await Promise.all(running);
  expect(failures).toEqual([]);
  expect([shown.size, certifying.size]).toEqual([expect.toSatisfy((size: number) => size > 3), 2]);
});
