import { test } from "vitest";
import { AgentKill } from "../support/kill/kube-kill.ts";
import { KubeNode } from "../support/kube/kube-node.ts";

test("a node agent killed at every point of an attach: the next one makes the pod whole, and nothing is left", async () => {
  await using node = await KubeNode.make();
  const kill = new AgentKill(node);
  const points = await kill.trace();
  for (const at of points.keys()) await kill.kill(at + 1);
}, 900_000);
