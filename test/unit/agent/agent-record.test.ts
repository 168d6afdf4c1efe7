import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentState } from "@netbind/agent";
import { expect, onTestFinished, test } from "vitest";

const uid = (offset: number): string => `${offset.toString(16).padStart(6, "0")}00-0000-4000-8000-000000000000`;

test("of the users of other pods' services those are read that a pod may be given", () => {
  const root = mkdtempSync(join(tmpdir(), "netbind-agent-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const state = new AgentState(root);
  const named = { namespace: "default", name: "one", uid: "u" };
  const create = (offset: number, serviceUid: number): void => {
    const record = { version: 1, phase: "attached", netns: { dev: 1, ino: 1 }, bindings: {}, nics: {}, processes: [] };
    state.create({ ...record, pod: { ...named, uid: uid(offset) }, vmi: named, serviceUid } as never);
  };
  create(0x100000, 1_900_000_001);
  create(0x100001, 1_900_000_002);
  // Another pod's first choice is so far away that no number of pods pushes it here.
  create(0x900000, 1_900_000_003);
  expect([...state.serviceUidsNear(uid(0x100000))].sort()).toEqual([1_900_000_001, 1_900_000_002]);
});
