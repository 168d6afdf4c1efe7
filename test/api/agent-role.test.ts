/** Each right of the agent's role is used: without it the agent says that it is missing. */
import { ApiClient, ApiCluster, EventWriter } from "@netbind/kube";
import { expect, test } from "vitest";
import { accountWith, AGENT_RULES } from "../support/cluster/agent-role.ts";
import { connectionOf } from "../support/cluster/api-connection.ts";
import type { Rule } from "../support/cluster/chart.ts";
import { applyNetworkBindingCrd } from "../support/cluster/network-binding-crd.ts";
import { NodeObjects } from "../support/cluster/node-objects.ts";
import { useApiServer } from "../support/cluster/use-api-server.ts";

const WITHIN = { timeout: 60_000, interval: 100 };

/** The rules without one verb of one of them, with what is then missing. */
const LESS = AGENT_RULES.flatMap((rule, at) =>
  rule.verbs.map((verb) => {
    const verbs = rule.verbs.filter((one) => one !== verb);
    const rules: readonly Rule[] = AGENT_RULES.map((other, index) => (index === at ? { ...rule, verbs } : other));
    return { verb, resource: rule.resources[0] ?? "", rules };
  }),
);

test("without any one verb of its role, what it cannot do is said with the rule", async () => {
  const api = useApiServer();
  await applyNetworkBindingCrd(api);
  await using namespace = await api.makeNamespace();
  const objects = new NodeObjects(api, namespace.name);
  const vmi = await objects.makeVmi("vm");
  await objects.bindPod("vm", vmi);
  const about = { apiVersion: "v1", kind: "Pod", namespace: namespace.name, name: "pod", uid: "u" };
  const one = async ({ verb, resource, rules }: (typeof LESS)[number]): Promise<void> => {
    const account = { namespace: namespace.name, name: `no-${verb}-${resource}` };
    const client = new ApiClient(connectionOf(await accountWith(api, account, rules)));
    const problems: string[] = [];
    const onProblem = (problem: string | undefined): unknown => problems.push(problem ?? "");
    const stop = new AbortController();
    const cluster = new ApiCluster({ client, node: objects.node, onProblem: (_, problem) => onProblem(problem) });
    const writer = new EventWriter(client, { component: "netbind-agent", host: account.name, onProblem });
    const ran = cluster.run(stop.signal);
    const said = (): string => {
      writer.write({ about, type: "Normal", reason: "ATTACHED", message: "again" });
      return problems.filter((problem) => problem.includes(`"${resource}"`)).join("\n");
    };
    const missing = new RegExp(`cannot ${verb} ${resource}[^\n]*add the rule[^\n]*"${verb}"`);
    await expect.poll(said, WITHIN).toMatch(missing);
    stop.abort();
    await ran;
    await writer.end();
    client[Symbol.dispose]();
  };
  expect(LESS).toHaveLength(12);
  await Promise.all(LESS.map(one));
});
