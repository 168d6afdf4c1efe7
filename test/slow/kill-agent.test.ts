import { expect, test } from "vitest";
import { AgentKill } from "../support/kill/kube-kill.ts";
import { KubeNode } from "../support/kube/kube-node.ts";

test("a node agent killed at every point of a pod's life: the next one makes it whole while it is there, and leaves nothing", async () => {
  await using node = await KubeNode.make();
  const kill = new AgentKill(node);
  const { attach, undo } = await kill.trace();
  // Its servers end, and then its directory goes, file by file.
  expect(undo.some((point) => /ended perl/.test(point))).toBe(true);
  expect(undo.at(-1)).toMatch(/removed directory$/);
  for (let at = 1; at <= attach.length + undo.length; at++) await kill.kill(at);
  for (let at = 1; at <= attach.length; at++) await kill.kill(at, { gone: true });
  // A server that has not become its user yet when the next agent comes.
  const starts = attach.flatMap((point, at) => (/started prlimit/.test(point) ? [at + 1] : []));
  expect(starts).toHaveLength(2);
  for (const at of starts) for (const gone of [false, true]) await kill.kill(at, { gone, holds: true });
}, 1_400_000);
