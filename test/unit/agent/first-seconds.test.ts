/** A pod's first seconds, as recorded of KubeVirt: each state of them is normal, and a Warning only where it does not end. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Binding, defineBinding } from "@netbind/contract";
import { AgentState, BindingRegistry, NodeAgent, type PodEvent } from "@netbind/agent";
import { type ClusterSnapshot, readObjects } from "@netbind/kube";
import { exec } from "@netbind/netns";
import masquerade from "@netbind/plugin-masquerade";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EventRecorder } from "../../../core/agent/src/event-recorder.ts";
import { type KubeObject, kubevirtObject, launcherPod, vmiObject } from "../../support/kube/kube-objects.ts";

const UID = "11111111-2222-3333-4444-555555555555";
const NICS = [{ name: "red", binding: "masquerade" }];

let directory: string;
let snapshot: ClusterSnapshot;
let reported: PodEvent[];
let agent: NodeAgent;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
  directory = mkdtempSync(join(tmpdir(), "netbind-first-"));
  mkdirSync(join(directory, "kubelet"));
  reported = [];
  agent = agentWith(new BindingRegistry({ own: new Map([["masquerade", masquerade]]), grants: { released: {} } }));
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(directory, { recursive: true });
});

function agentWith(bindings: BindingRegistry): NodeAgent {
  const state = new AgentState(join(directory, "state"));
  state.prepare();
  return new NodeAgent({
    state,
    turn: () => exec,
    bindings,
    kubelet: join(directory, "kubelet"),
    forbidden: [],
    cluster: { snapshot: async () => snapshot },
    node: "node-1",
    report: (report) => reported.push(report),
    unreadable: (object) => expect.unreachable(JSON.stringify(object)),
    unreachable: (error) => expect.unreachable(String(error)),
  });
}

interface Seen {
  readonly phase?: "Pending" | "Running";
  /** Absent: the VMI is not listed yet. */
  readonly activePods?: Record<string, string>;
  readonly change?: (pod: KubeObject) => void;
  readonly nics?: typeof NICS;
}

/** What the API lists of the pod. */
function list({ phase = "Pending", activePods, change, nics = NICS }: Seen): void {
  const pod = {
    ...launcherPod({ uid: UID, name: "virt-launcher-vm-x", vm: "vm", node: "node-1", nics }),
    status: { phase },
  };
  change?.(pod);
  const vmi = { ...vmiObject("vm", nics), status: { activePods: activePods ?? {} } };
  snapshot = readObjects([kubevirtObject(), pod, ...(activePods === undefined ? [] : [vmi])]);
}

/** Lets time pass, as the agent sees it: it looks at its cluster every so many seconds. */
async function pass(seconds: number, every = 1): Promise<void> {
  for (let left = seconds; left > 0; left -= every) {
    vi.advanceTimersByTime(every * 1000);
    await agent.tick();
    await agent.idle();
  }
}
const reasons = (): readonly string[] => reported.map(({ type, reason }) => `${type} ${reason}`);

/** In the order in which KubeVirt goes through them. */
const STATES: readonly (readonly [string, Seen, string])[] = [
  ["its VMI is not listed yet", {}, "VMI_MISSING"],
  ["its VMI does not list it yet", { activePods: {} }, "POD_NOT_ACTIVE"],
  ["its VMI lists it without a node", { activePods: { [UID]: "" } }, "POD_NOT_ACTIVE"],
  ["its sidecar does not run yet", { phase: "Running", activePods: { [UID]: "node-1" } }, "SIDECAR_MISSING"],
];

test("a pod that goes through them in its time is told of with no Warning", async () => {
  for (const [, found] of STATES) {
    list(found);
    await pass(10);
  }
  expect(reasons()).toEqual([]);
});

test.each(STATES)("%s: a Warning where that does not end, and once", async (_, found, reason) => {
  list({ ...found, phase: "Running" });
  await pass(55, 5);
  expect(reasons()).toEqual([]);
  await pass(60, 5);
  expect(reasons()).toEqual([`Warning ${reason}`]);
});

test("while its images are pulled the kubelet speaks, and only after minutes the agent", async () => {
  list({ activePods: { [UID]: "node-1" } });
  await pass(280, 10);
  expect(reasons()).toEqual([]);
  await pass(60, 10);
  expect(reasons()).toEqual(["Warning SIDECAR_MISSING"]);
});

test("a pod is tried again when its sidecar starts, though the agent's clock says that nothing is due", async () => {
  const registry = new BindingRegistry({ own: new Map([["masquerade", masquerade]]), grants: { released: {} } });
  const find = vi.spyOn(registry, "find");
  agent = agentWith(registry);
  list({ phase: "Running", activePods: { [UID]: "node-1" } });
  const stop = new AbortController();
  const running = agent.run(stop.signal);
  const tries = (): number => find.mock.calls.length;
  await expect.poll(tries).toBe(1);
  const sockets = `pods/${UID}/volumes/kubernetes.io~empty-dir/hook-sidecar-sockets`;
  mkdirSync(join(directory, "kubelet", sockets, "hook-sidecar-0/netbind"), { recursive: true });
  await expect.poll(tries).toBe(2);
  stop.abort();
  await running;
  expect(tries()).toBe(2);
});

test("a pod that is being deleted loses its sidecars, and nobody waits for them", async () => {
  const metadata = (pod: KubeObject): object => pod["metadata"] as object;
  list({
    phase: "Running",
    activePods: { [UID]: "node-1" },
    change: (pod) => Object.assign(metadata(pod), { deletionTimestamp: "2026-01-01T00:00:00Z" }),
  });
  await pass(400, 10);
  expect(reasons()).toEqual([]);
});

test("what is not a state of a first second is reported at once", async () => {
  list({ activePods: { [UID]: "node-2" } });
  await pass(1);
  expect(reasons()).toEqual(["Warning POD_NOT_ACTIVE"]);
});

test("an event is its VMI's where nothing speaks against the pod, and else the pod's alone", async () => {
  list({ phase: "Running", activePods: { [UID]: "node-1" } });
  await pass(120, 10);
  list({ phase: "Running", activePods: { [UID]: "node-2" } });
  await pass(1);
  expect(reported.map(({ reason, vmi }) => [reason, vmi])).toEqual([
    ["SIDECAR_MISSING", { name: "vm", uid: "vmi-vm" }],
    ["POD_NOT_ACTIVE", undefined],
  ]);
});

test("a binding that is registered and that no process serves: that is said, with what to do, and not of the sidecar", async () => {
  const sockets = {
    directory: join(directory, "bindings"),
    users: new Map<string, number>(),
    overrides: new Set<string>(),
  };
  mkdirSync(join(sockets.directory, "lan-tap"), { recursive: true });
  const bindings = new BindingRegistry({ own: new Map(), sockets, grants: { released: {} } });
  agent = agentWith(bindings);
  list({ phase: "Running", activePods: { [UID]: "node-1" }, nics: [{ name: "red", binding: "lan-tap" }] });
  await pass(55, 5);
  expect(reported).toEqual([]);
  await pass(60, 5);
  expect(reported).toEqual([
    expect.objectContaining({
      type: "Warning",
      reason: "BINDING_UNREACHABLE",
      message: `binding "lan-tap" does not serve at ${join(sockets.directory, "lan-tap", "binding.sock")}`,
      hint: expect.stringContaining("start the binding's process beside the node agent"),
    }),
  ]);
});

test("a binding with a NetworkBinding, and nothing beside the agent: that is said, and of one without it nothing", async () => {
  agent = agentWith(new BindingRegistry({ own: new Map(), grants: { released: {} } }));
  const nics = [{ name: "red", binding: "lan-tap" }];
  list({ phase: "Running", activePods: { [UID]: "node-1" }, nics });
  await pass(120, 10);
  expect(reported).toEqual([]);
  snapshot = { ...snapshot, networkBindings: [{ name: "lan-tap" }] };
  await pass(55, 5);
  expect(reported).toEqual([]);
  await pass(60, 5);
  expect(reported.map(({ reason, message }) => `${reason} ${message}`)).toEqual([
    'BINDING_UNREACHABLE NetworkBinding "lan-tap" has no process on this node that plans for it',
  ]);
});

test("every binding of a pod that fails or refuses it is told of at once, each by itself", async () => {
  const sockets = {
    directory: join(directory, "bindings"),
    users: new Map<string, number>(),
    overrides: new Set(["bridge"]),
  };
  mkdirSync(join(sockets.directory, "bridge"), { recursive: true });
  mkdirSync(join(sockets.directory, "lan-tap"), { mode: 0o700 });
  writeFileSync(join(sockets.directory, "lan-tap/binding.sock"), "");
  chmodSync(join(sockets.directory, "lan-tap"), 0o777);
  const failing = (name: string, hooks: object): Binding =>
    defineBinding({
      ...{ name, contract: "v1alpha1", migration: "none", plan: () => ({ domain: { kind: "tap" } }) },
      ...hooks,
    });
  const own = [
    failing("masquerade", {
      admit: () => {
        throw new Error("nothing is known");
      },
    }),
    failing("slirp", { admit: () => [{ field: "model", problem: "no model of ours", fix: "use another" }] }),
    failing("passt", { needs: () => ({ compute: { capabilities: ["SYS_ADMIN"] } }) }),
  ];
  agent = agentWith(
    new BindingRegistry({
      own: new Map(own.map((binding) => [binding.name, binding])),
      sockets,
      grants: { released: {} },
    }),
  );
  const names = ["bridge", "lan-tap", "masquerade", "slirp", "passt"];
  list({
    phase: "Running",
    activePods: { [UID]: "node-1" },
    nics: names.map((binding) => ({ name: `${binding}-nic`, binding })),
  });
  const messages = (reason: string): string =>
    reported
      .filter((one) => one.reason === reason)
      .map(({ message }) => message)
      .join("\n");
  await pass(1);
  expect([...reasons()].sort()).toEqual(["Warning PLUGIN_FAILED", "Warning POD_REFUSED", "Warning UNAVAILABLE"]);
  expect(messages("UNAVAILABLE")).toContain("lan-tap");
  expect(messages("PLUGIN_FAILED")).toContain(
    'binding "masquerade" failed to admit NIC "masquerade-nic": nothing is known',
  );
  expect(messages("POD_REFUSED")).toContain("no model of ours");
  expect(messages("POD_REFUSED")).toContain('needs the capability "SYS_ADMIN", which is not granted to it');
  // One that is only on its way is worth no Warning before that took too long, beside others that are.
  await pass(70, 5);
  expect(messages("BINDING_UNREACHABLE")).toContain('binding "bridge" does not serve at');
});

test("what flaps, and what is said in other words each time, is reported a few times in minutes, and again later", () => {
  const reporter = new EventRecorder((report) => reported.push(report));
  const pod = { namespace: "default", name: "virt-launcher-vm-x", uid: UID };
  const say = (message: string): boolean => reporter.record({ pod, type: "Warning", reason: "PLUGIN_FAILED", message });
  for (let at = 0; at < 20; at++) say(at % 2 === 0 ? "it throws" : "it hangs");
  expect(reported.map(({ message }) => message)).toEqual(["it throws", "it hangs"]);
  for (let at = 0; at < 100; at++) say(`failed at ${at}`);
  expect(reported).toHaveLength(10);
  vi.advanceTimersByTime(301_000);
  say("it throws");
  expect(reported.at(-1)?.message).toBe("it throws");
  expect(reported).toHaveLength(11);
});
