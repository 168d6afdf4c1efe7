/** A pod's first seconds, as recorded of KubeVirt: each state of them is normal, and a Warning only where it does not end. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentState, Bindings, type ClusterView, NodeAgent, type PodReport, readObjects } from "@netbind/kube";
import { run } from "@netbind/netns";
import masquerade from "@netbind/plugin-masquerade";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { kubevirtObject, type KubeObject, launcherPod, vmiObject } from "../../support/kube-objects.ts";

const UID = "11111111-2222-3333-4444-555555555555";
const NICS = [{ name: "red", binding: "masquerade" }];

let directory: string;
let view: ClusterView;
let told: PodReport[];
let agent: NodeAgent;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
  directory = mkdtempSync(join(tmpdir(), "netbind-first-"));
  mkdirSync(join(directory, "kubelet"));
  told = [];
  const state = new AgentState(join(directory, "state"));
  state.prepare();
  agent = new NodeAgent({
    state,
    run,
    bindings: new Bindings({ own: new Map([["masquerade", masquerade]]), grants: {} }),
    kubelet: join(directory, "kubelet"),
    forbidden: [],
    cluster: { view: async () => view },
    node: "node-1",
    report: (report) => told.push(report),
    unreadable: (object) => expect.unreachable(JSON.stringify(object)),
    unreachable: (error) => expect.unreachable(String(error)),
  });
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(directory, { recursive: true });
});

interface Seen {
  readonly phase?: "Pending" | "Running";
  /** Absent: the VMI is not listed yet. */
  readonly activePods?: Record<string, string>;
  readonly change?: (pod: KubeObject) => void;
}

/** What the API lists of the pod. */
function list({ phase = "Pending", activePods, change }: Seen): void {
  const pod = { ...launcherPod({ uid: UID, name: "virt-launcher-vm-x", vm: "vm", node: "node-1", nics: NICS }), status: { phase } };
  change?.(pod);
  const vmi = { ...vmiObject("vm", NICS), status: { activePods: activePods ?? {} } };
  view = readObjects([kubevirtObject(), pod, ...(activePods === undefined ? [] : [vmi])]);
}

/** Lets time pass, as the agent sees it. */
async function pass(seconds: number): Promise<void> {
  for (let left = seconds; left > 0; left--) {
    vi.advanceTimersByTime(1000);
    await agent.tick();
    await agent.idle();
  }
}
const reasons = (): readonly string[] => told.map(({ type, reason }) => `${type} ${reason}`);

/** In the order in which KubeVirt goes through them. */
const STATES: readonly (readonly [string, Seen, string])[] = [
  ["its VMI is not listed yet", {}, "VMI_MISSING"],
  ["its VMI does not list it yet", { activePods: {} }, "POD_NOT_ACTIVE"],
  ["its VMI lists it without a node", { activePods: { [UID]: "" } }, "POD_NOT_ACTIVE"],
  ["its sidecar does not run yet", { phase: "Running", activePods: { [UID]: "node-1" } }, "SIDECAR_MISSING"],
];

test("a pod that goes through them in its time is told of with no Warning", async () => {
  for (const [, seen] of STATES) {
    list(seen);
    await pass(10);
  }
  expect(reasons()).toEqual([]);
});

test.each(STATES)("%s: a Warning where that does not end, and once", async (_, seen, reason) => {
  list({ ...seen, phase: "Running" });
  await pass(55);
  expect(reasons()).toEqual([]);
  await pass(60);
  expect(reasons()).toEqual([`Warning ${reason}`]);
});

test("while its images are pulled the kubelet speaks, and only after minutes the agent", async () => {
  list({ activePods: { [UID]: "node-1" } });
  await pass(280);
  expect(reasons()).toEqual([]);
  await pass(60);
  expect(reasons()).toEqual(["Warning SIDECAR_MISSING"]);
});

test("a pod that is being deleted loses its sidecars, and nobody waits for them", async () => {
  const metadata = (pod: KubeObject): object => pod["metadata"] as object;
  list({
    phase: "Running",
    activePods: { [UID]: "node-1" },
    change: (pod) => Object.assign(metadata(pod), { deletionTimestamp: "2026-01-01T00:00:00Z" }),
  });
  await pass(400);
  expect(reasons()).toEqual([]);
});

test("what is no state of a first second is told at once", async () => {
  list({ activePods: { [UID]: "node-2" } });
  await pass(1);
  expect(reasons()).toEqual(["Warning POD_NOT_ACTIVE"]);
});
