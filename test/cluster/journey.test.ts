/** The journey of one VM on a cluster. Those of the other bindings are in the slow tier. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { askedBy, denied } from "../support/cluster/audit-log.ts";
import { NAMESPACE } from "../support/cluster/chart.ts";
import { proveJourney } from "../support/cluster/journey.ts";
import { VmCluster } from "../support/cluster/vm-cluster.ts";

let cluster: VmCluster;
beforeAll(async () => {
  cluster = await VmCluster.up({ purpose: "journey", bindings: ["masquerade"], nodes: 1 });
});
afterAll(() => cluster[Symbol.asyncDispose]());

test("a VM's pod is attached by the agent, another pod reaches its guest through a Service, and nothing of it is left", () =>
  proveJourney(cluster, { binding: "masquerade", address: () => "10.0.2.2/24", families: ["IPv4", "IPv6"] }));

test("the agent was denied nothing on the way", () => {
  const asked = askedBy(cluster.directory, NAMESPACE, "netbind-agent");
  expect(asked.map(({ verb, resource }) => `${verb} ${resource}`)).toEqual(
    expect.arrayContaining(["watch pods", "watch networkbindings", "create events"]),
  );
  expect(denied(asked)).toEqual([]);
});
