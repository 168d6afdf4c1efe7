/** What a pod, its sidecar, its guest's container or a binding may try: each is refused, and each is told. */
import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineBinding, type Needs } from "@netbind/contract";
import { waitUntil } from "@netbind/netns";
import { addBinding, listenUnix, makeServer } from "@netbind/remote/sidecar";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundleSupport } from "../support/build/bundle.ts";
import { CONFIGURATION } from "../support/kube/kube-objects.ts";
import { KubeNode } from "../support/kube/kube-node.ts";
import { hookSocketsOf, type LabPod } from "../support/kube/lab-pod.ts";

const scripts = mkdtempSync(join(tmpdir(), "netbind-scripts-"));
let node: KubeNode;
beforeAll(async () => {
  node = await KubeNode.make();
  mkdirSync(join(node.directory, "bindings/somebodys"), { recursive: true });
  const grants = join(node.directory, "grants.json");
  writeFileSync(
    grants,
    JSON.stringify({ somebodys: { domainKinds: ["userNetwork", "hostdev", "vdpa"] }, slirp: { domainKinds: ["tap"] } }),
  );
  node.agent.start(["--bindings", join(node.directory, "bindings"), "--grants", grants]);
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  rmSync(scripts, { recursive: true });
});

const links = async (pod: LabPod): Promise<string> => pod.exec(["ip", "-brief", "link", "show"]);
/** Their sidecar patches a domain as any does: its bundle is one that is there. */
const provideSidecar = (): void =>
  copyFileSync(join(node.directory, "rootfs/netbind/slirp.mjs"), join(node.directory, "rootfs/netbind/somebodys.mjs"));
/** A pod whose sidecar serves, before the agent knows of it. */
async function unseen(vm: string): Promise<{ readonly pod: LabPod; readonly show: () => void; readonly own: string }> {
  const pod = await node.pod({ vm, listed: false });
  const own = join(pod.hooks, "hook-sidecar-0/netbind");
  await waitUntil(() => existsSync(join(own, "attach.sock")), 20_000);
  return { pod, own, show: () => node.api.list(pod) };
}

test("a pod that only looks like a launcher pod", async () => {
  const nobody = await node.pod({
    vm: "t-owner",
    change: ({ metadata }) => delete (metadata as { ownerReferences?: unknown }).ownerReferences,
  });
  expect(await node.agent.reported(nobody, "POD_NOT_CONTROLLED")).toContain("no object");
  const inactive = await node.pod({ vm: "t-active", listed: false });
  node.api.edit("vmi-t-active.json", (vmi) =>
    Object.assign(vmi, { status: { activePods: { [inactive.uid]: "node-2" } } }),
  );
  node.api.list(inactive);
  await node.agent.reported(inactive, "POD_NOT_ACTIVE");
  for (const pod of [nobody, inactive]) expect(await links(pod)).not.toContain("tap0");
  // What speaks against it may end: a VMI's status comes after its pod.
  node.api.edit("vmi-t-active.json", (vmi) =>
    Object.assign(vmi, { status: { activePods: { [inactive.uid]: "node-1" } } }),
  );
  await node.attached(inactive);
});

test("a link, or somebody else's socket, in the place of the sidecar's", async () => {
  const victim = await unseen("t-victim");
  const linked = await unseen("t-linked");
  const socket = join(linked.own, "attach.sock");
  renameSync(socket, `${socket}.aside`);
  symlinkSync(join(victim.own, "attach.sock"), socket);
  linked.show();
  expect(await node.agent.reported(linked.pod, "UNAVAILABLE")).toContain('"attach.sock" is not a socket');
  expect(existsSync(join(victim.own, "attach.sealed"))).toBe(false);
  const owned = await unseen("t-owned");
  chownSync(join(owned.own, "attach.sock"), 1000, 1000);
  owned.show();
  expect(await node.agent.reported(owned.pod, "UNAVAILABLE")).toContain("belongs to uid 1000, not to 107");
  for (const pod of [linked.pod, owned.pod]) expect(hookSocketsOf(pod)).toEqual([]);
  // Put back, all goes on.
  rmSync(socket);
  renameSync(`${socket}.aside`, socket);
  await node.attached(linked.pod);
});

test("a directory that is swapped while the agent goes through it leads nowhere else", async () => {
  const target = join(node.directory, "target");
  mkdirSync(target);
  chownSync(target, 107, 107);
  const { pod, show } = await unseen("t-swapped");
  await node.startCompute(pod, await bundleSupport("kube/swap-directory.ts", scripts), [target]);
  await waitUntil(() => existsSync(join(pod.hooks, "swapping")), 20_000);
  show();
  // However often it looked, it looked into the pod's own directory or not at all.
  await node.attached(pod);
  expect(readdirSync(target)).toEqual([]);
});

test("a sidecar in the node's own network", async () => {
  const pod = await node.pod({ vm: "t-host", sidecars: false, listed: false });
  await node.startSidecar(pod, 0, "masquerade", false);
  node.api.list(pod);
  expect(await node.agent.reported(pod, "POD_NAMESPACE_REFUSED")).toContain("the node's own");
  expect(hookSocketsOf(pod)).toEqual([]);
  expect(await node.exec(["ip", "-brief", "link", "show"])).not.toContain("k6t-eth0");
});

test("an Attach from the compute container, which has the same user and the same volume", async () => {
  const { pod, own } = await unseen("t-forged");
  await node.startCompute(pod, await bundleSupport("kube/forge-attach.ts", scripts), []);
  await waitUntil(() => existsSync(join(pod.hooks, "told")), 30_000);
  expect(readFileSync(join(pod.hooks, "told"), "utf8")).toBe("ATTACH_UNSEALED ATTACH_UNSEALED");
  expect(existsSync(join(own, "attach.sealed"))).toBe(false);
  expect(hookSocketsOf(pod)).toEqual([]);
});

test.each([
  { vm: "t-device", domain: { kind: "hostdev", pciAddress: "0000:00:1f.0" }, planned: '"0000:00:1f.0"' },
  { vm: "t-vdpa", domain: { kind: "vdpa", device: "vhost-vdpa-0" }, planned: '"vhost-vdpa-0"' },
] as const)(
  "a device that was not allocated, planned by a third-party binding: $domain.kind",
  async ({ vm, domain, planned }) => {
    const greedy = defineBinding({ name: "greedy", contract: "v1alpha1", migration: "none", plan: () => ({ domain }) });
    const server = makeServer();
    addBinding(server, greedy);
    provideSidecar();
    // Whatever kinds are granted, a device is not without an allocation.
    await listenUnix(server, join(node.directory, "bindings/somebodys/binding.sock"));
    try {
      const pod = await node.pod({ vm, nics: [{ name: "red", binding: "somebodys" }] });
      expect(await node.agent.reported(pod, "PLAN_OUT_OF_BOUNDS")).toContain(
        `${planned} is not one of the devices that the pod was allocated`,
      );
      expect(hookSocketsOf(pod)).toEqual([]);
    } finally {
      server.forceShutdown();
      rmSync(join(node.directory, "bindings/somebodys/binding.sock"), { force: true });
    }
  },
);

test("a NIC that its binding does not accept: one Warning with all violations, and nothing is made in the pod", async () => {
  const ranges = [{ protocol: "TCP", start: 80, end: 90 }];
  const refused = await node.pod({ vm: "t-refused", nics: [{ name: "red", binding: "slirp", portRanges: ranges }] });
  expect(await node.agent.reported(refused, "POD_REFUSED")).toContain(
    "spec.domain.devices.interfaces[0].portRanges: slirp forwards single ports only",
  );
  const passt = await node.pod({ vm: "t-e1000", nics: [{ name: "red", binding: "passt", model: "e1000" }] });
  expect(await node.agent.reported(passt, "POD_REFUSED")).toContain(
    "spec.domain.devices.interfaces[0].model: passt serves virtio only",
  );
  expect(hookSocketsOf(passt)).toEqual([]);
  provideSidecar();
  const strict = defineBinding({
    name: "strict",
    contract: "v1alpha1",
    migration: "none",
    admit: ({ model }) =>
      ["first", "second"].map((word) => ({ field: "model", problem: `${word}: ${model}`, fix: "use virtio" })),
    plan: () => ({ domain: { kind: "userNetwork", network: "10.0.2.0/24", search: [], forward: [] } }),
  });
  const failing = defineBinding({
    ...strict,
    admit: () => {
      throw new Error("the author's own fault");
    },
  });
  const needing = (needs: () => Needs): typeof strict => defineBinding({ ...strict, admit: () => [], needs });
  const helpless = needing(() => {
    throw new Error("nobody knows");
  });
  const greedy = needing(() => ({ compute: { capabilities: ["SYS_ADMIN"] } }));
  const device = needing(() => ({ compute: { devices: { "example.com/fpga": 1 } } }));
  const socket = join(node.directory, "bindings/somebodys/binding.sock");
  for (const [vm, binding, reason, says] of [
    ["t-helpless", helpless, "PLUGIN_FAILED", /failed to report the needs of NIC "red": nobody knows/],
    ["t-greedy", greedy, "POD_REFUSED", /needs the capability "SYS_ADMIN", which is not granted to it/],
    ["t-fpga", device, "POD_REFUSED", /needs the resource "example\.com\/fpga", which is not granted to it/],
    ["t-strict", strict, "POD_REFUSED", /interfaces\[0\]\.model: first: e1000 .*interfaces\[0\]\.model: second: e1000/],
    ["t-failing", failing, "PLUGIN_FAILED", /failed to admit NIC "red": the author's own fault/],
  ] as const) {
    const server = makeServer();
    addBinding(server, binding);
    await listenUnix(server, socket);
    try {
      const pod = await node.pod({ vm, nics: [{ name: "red", binding: "somebodys", model: "e1000" }] });
      expect(await node.agent.reported(pod, reason)).toMatch(says);
      expect(hookSocketsOf(pod)).toEqual([]);
      expect(existsSync(join(node.agent.state, "pods", pod.uid))).toBe(false);
      await node.removePod(pod);
    } finally {
      server.forceShutdown();
      rmSync(socket, { force: true });
    }
  }
  expect(hookSocketsOf(refused)).toEqual([]);
  expect(node.agent.reasons(refused)).toEqual(["POD_REFUSED"]);
  expect(node.agent.leftovers()).not.toContain(`record of ${refused.uid}`);
});

/** Registers a binding in another way, for as long as the KubeVirt CR says so. */
function register(binding: string, change: object): Disposable {
  const write = (of: object): void =>
    node.api.edit("kubevirt.json", (cr) => {
      const { network } = (cr["spec"] as { configuration: { network: { binding: Record<string, object> } } })
        .configuration;
      network.binding[binding] = of;
    });
  const before = CONFIGURATION.network?.binding?.[binding] ?? {};
  write({ ...before, ...change });
  return { [Symbol.dispose]: () => write(before) };
}

test("managedTap: KubeVirt would wire the namespace that the binding wires, so the pod is refused", async () => {
  using _ = register("masquerade", { domainAttachmentType: "managedTap" });
  const pod = await node.pod({ vm: "t-managed" });
  expect(await node.agent.reported(pod, "POD_REFUSED")).toContain(
    'interfaces[0].binding.name: binding "masquerade" is registered with domainAttachmentType: managedTap, so KubeVirt wires the NIC',
  );
  expect(hookSocketsOf(pod)).toEqual([]);
  expect(await links(pod)).not.toMatch(/tap0|k6t/);
  expect(existsSync(join(node.agent.state, "pods", pod.uid))).toBe(false);
});

test("a registration's migration that is not its binding's: a Warning at boot, and no guest is taken to where it has no network", async () => {
  {
    using _ = register("masquerade", { migration: undefined });
    const pod = await node.pod({ vm: "t-stays" });
    await node.attached(pod);
    expect(await node.agent.reported(pod, "REGISTRATION_MISMATCH")).toContain("KubeVirt refuses to migrate the VM");
  }
  using _ = register("bridge", { migration: {} });
  const nics = [{ name: "red", binding: "bridge" }];
  const source = await node.pod({ vm: "t-moves", nics });
  await node.attached(source);
  expect(await node.agent.reported(source, "REGISTRATION_MISMATCH")).toContain("its guest would lose the network");
  const target = await node.pod({ vm: "t-moves", nics, listed: false });
  node.api.edit("vmi-t-moves.json", (vmi) => {
    const migrationState = { targetPod: target.name, sourcePod: source.name };
    Object.assign(vmi, { status: { ...(vmi["status"] as object), migrationState } });
  });
  node.api.list(target);
  expect(await node.agent.reported(target, "POD_REFUSED")).toContain("cannot be migrated on the pod network");
  expect(hookSocketsOf(target)).toEqual([]);
  // What fits is told of with no Warning.
  const fits = await node.pod({ vm: "t-fits" });
  await node.attached(fits);
  await node.agent.reported(fits, "ATTACHED");
  expect(node.agent.reports(fits)).toHaveLength(1);
});

test("what a binding may plan is the administrator's word: more than this release says, or less", async () => {
  const plan = { domain: { kind: "userNetwork", network: "10.0.2.0/24", search: [], forward: [] } } as const;
  const server = makeServer();
  addBinding(server, defineBinding({ name: "somebodys", contract: "v1alpha1", migration: "none", plan: () => plan }));
  const socket = join(node.directory, "bindings/somebodys/binding.sock");
  await listenUnix(server, socket);
  provideSidecar();
  try {
    await node.attached(await node.pod({ vm: "t-more", nics: [{ name: "red", binding: "somebodys" }] }));
    const less = await node.pod({ vm: "t-less", nics: [{ name: "red", binding: "slirp" }] });
    expect(await node.agent.reported(less, "PLAN_OUT_OF_BOUNDS")).toContain('"userNetwork" are not granted');
    expect(hookSocketsOf(less)).toEqual([]);
  } finally {
    server.forceShutdown();
    rmSync(socket, { force: true });
  }
});

test("one pod's trouble delays no other, and nothing of any is left", async () => {
  const stuck = await node.pod({ vm: "t-stuck", sidecars: false, listed: false });
  const id = await node.startSidecar(stuck, 0, "masquerade");
  await waitUntil(() => existsSync(join(stuck.hooks, "hook-sidecar-0/netbind/attach.sock")), 20_000);
  process.kill(await node.sidecarPid(id), "SIGSTOP");
  node.api.list(stuck);
  const other = await node.pod({ vm: "t-other" });
  await node.attached(other);
  expect(hookSocketsOf(stuck)).toEqual([]);
  for (const pod of node.pods) await node.removePod(pod);
  await waitUntil(() => node.agent.leftovers().length === 0, 30_000);
  expect(node.agent.leftovers()).toEqual([]);
});
