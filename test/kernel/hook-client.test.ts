/**
 * This release's sidecars under a client that is not ours to bend: Go's gRPC, which virt-launcher uses, and its rules - what
 * it takes for a socket, how it tells sockets apart, how long it waits, how often it defines.
 */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Attachment, type Binding, defineBinding, type DomainPlan } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import { nicDomain, writeTapInterface } from "@netbind/domain";
import type { Vmi } from "@netbind/kubevirt";
import { buildBaseDomain } from "@netbind/local";
import bridge from "@netbind/plugin-bridge";
import macvtap from "@netbind/plugin-macvtap";
import masquerade from "@netbind/plugin-masquerade";
import passt from "@netbind/plugin-passt";
import slirp from "@netbind/plugin-slirp";
import sriov from "@netbind/plugin-sriov";
import { beforeAll, expect, test } from "vitest";
import { buildGoTool } from "../support/build/go-tools.ts";
import { type HookClient, type HookEvent, HookPod, type HookSidecar, rightsOf } from "../support/kube/hook-pod.ts";

const EVENT_TIMEOUT = { timeout: 20_000, interval: 50 };
const ROUNDS = ["placeholders", "plain", "reprinted"];
/** The VMI has one NIC, and its first domain so many interfaces more. */
const PLACEHOLDERS = [0, 1, 2].map((at) => ({
  ...{ alias: `placeholder-${at}`, type: "ethernet", mac: "", model: "virtio-non-transitional" },
  ...{ target: `placeholder-${at}`, managed: "no" },
}));
const placeholdersIn = (round: unknown): readonly object[] => (round === "placeholders" ? PLACEHOLDERS : []);
const vmi = {
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachineInstance",
  metadata: { namespace: "default", name: "vm", creationTimestamp: null },
  spec: { domain: { devices: { interfaces: [{ name: "red" }] } }, networks: [{ name: "red", pod: {} }] },
} as unknown as Vmi;

/** The pod network's NIC, and one on a second network. */
const red = anAttachment({ ports: [{ protocol: "TCP", port: 80 }] });
const blue = anAttachment({
  name: "blue",
  network: { kind: "multus", networkName: "lan", default: false },
  mac: "02:11:22:33:44:66",
  index: 1,
  names: { pod: "pod16477688c0e", tap: "tap16477688c0e", bridge: "k6t-16477688c0e", adopted: "16477688c0e-nic" },
  pod: { name: "pod16477688c0e", mac: "02:00:00:00:aa:02", mtu: 1400, addresses: [], routes: [] },
});
const onTap = ({ name, mac, names, pod }: Attachment): object => ({
  alias: `ua-${name}`,
  type: "ethernet",
  mac,
  model: "virtio-non-transitional",
  target: names.tap,
  managed: "no",
  mtu: pod.mtu,
});
const onPasst = {
  ...{ alias: "ua-red", type: "vhostuser", mac: red.mac, model: "virtio-non-transitional" },
  ...{ sourceDev: "eth0", backend: "passt" },
};

/** The domain that a launcher has when it asks: with the interfaces of the NICs on taps. */
const domainWith = (...taps: readonly Attachment[]): string =>
  taps.reduce(
    (xml, nic) => writeTapInterface(xml, nicDomain(nic)),
    buildBaseDomain({ vmi, accelerator: "tcg", disks: [] }),
  );

const attach = (sidecar: HookSidecar, binding: Binding, attachment: Attachment): Promise<void> =>
  sidecar.attach([{ attachment, plan: binding.plan(attachment) }]);

const eventsOf = (client: HookClient, event: HookEvent["event"]): readonly HookEvent[] =>
  client.events.filter((one) => one.event === event);

/** Waits until a client has told an event as often as that. */
const reported = (client: HookClient, event: HookEvent["event"], times: number): Promise<void> =>
  expect.poll(() => eventsOf(client, event).length, EVENT_TIMEOUT).toBe(times);

let program = "";
beforeAll(() => {
  program = buildGoTool("hook-client");
}, 900_000);

test("the launcher waits at closed gates; each that opens is collected; the domain goes through both, and Shutdown ends them", async () => {
  await using pod = new HookPod();
  const first = await pod.sidecar("passt", "hook-sidecar-0");
  const second = await pod.sidecar("bridge", "hook-sidecar-1");
  expect(rightsOf(first.process)).toMatch(/^Uid:\t107\t107\t107\t107$/m);
  expect(rightsOf(first.process)).toMatch(/^CapEff:\t0+$/m);
  const client = pod.client(program, ["-count", "2", "-timeout", "60s", "-shutdown"], {
    domainXML: domainWith(blue),
    vmi,
  });
  await new Promise((resolve) => setTimeout(resolve, 1500));
  // Not even dialed: what a sidecar keeps in a directory of its own is not looked at.
  expect(client.events).toEqual([]);

  await attach(second, bridge, blue);
  await reported(client, "collected", 1);
  await new Promise((resolve) => setTimeout(resolve, 700));
  expect(eventsOf(client, "complete")).toEqual([]);
  await attach(first, passt, red);

  expect(await client.ended).toBe(0);
  const points = ["OnDefineDomain", "Shutdown"];
  expect(eventsOf(client, "collected")).toMatchObject([
    { socket: join(second.directory, "bridge-hook-sidecar-1.sock"), name: "bridge", version: "v1alpha3", points },
    { socket: join(first.directory, "passt-hook-sidecar-0.sock"), name: "passt", version: "v1alpha3", points },
  ]);
  expect(eventsOf(client, "defined").map(({ round, interfaces, memory }) => ({ round, interfaces, memory }))).toEqual(
    ROUNDS.map((round) => ({
      round,
      interfaces: [onTap(blue), ...placeholdersIn(round), onPasst],
      memory: "memfd shared",
    })),
  );
  expect(eventsOf(client, "shutdown")).toHaveLength(2);
  expect([await first.ended, await second.ended]).toEqual([0, 0]);
});

/** A sidecar that its launcher tells to shut down ends without an error, and leaves no socket. */
async function expectShutdown(sidecar: HookSidecar, client: HookClient): Promise<void> {
  expect(await client.ended, JSON.stringify(client.events)).toBe(0);
  expect(eventsOf(client, "shutdown")).toHaveLength(1);
  expect(await sidecar.ended).toBe(0);
  const left = ["", "netbind"].flatMap((name) =>
    readdirSync(join(sidecar.directory, name)).filter((file) => file.endsWith(".sock")),
  );
  expect(left).toEqual([]);
}

/** What comes of a domain with one NIC, asked thrice. */
async function defineThrice(
  binding: Binding,
  attachment: Attachment,
  domainXML: string,
): Promise<readonly HookEvent[]> {
  await using pod = new HookPod();
  const sidecar = await pod.sidecar(binding.name, "hook-sidecar-0");
  await attach(sidecar, binding, attachment);
  const client = pod.client(program, ["-timeout", "20s", "-shutdown"], { domainXML, vmi });
  await expectShutdown(sidecar, client);
  const defined = eventsOf(client, "defined");
  expect(defined.map(({ round }) => round)).toEqual(ROUNDS);
  return defined;
}

test.each([masquerade, bridge])(
  "$name: the domain comes back byte for byte, as often as it is asked",
  async (binding) => {
    for (const { round, sent, xml, interfaces } of await defineThrice(binding, red, domainWith(red))) {
      expect(xml).toBe(sent);
      expect(interfaces).toEqual([onTap(red), ...placeholdersIn(round)]);
    }
  },
);

test("macvtap: the tap is the pod's link itself; byte for byte too", async () => {
  const attachment = { ...blue, pod: { ...blue.pod, tap: blue.names.pod } };
  for (const { sent, xml } of await defineThrice(macvtap, attachment, domainWith(attachment))) expect(xml).toBe(sent);
});

// The schema's reader wants a mode of the device, which KubeVirt does not write: libvirt has its own.
test("sriov: Shutdown ends it too", async () => {
  await using pod = new HookPod();
  const sidecar = await pod.sidecar("sriov", "hook-sidecar-0");
  await attach(sidecar, sriov, { ...blue, allocatedDevices: ["0000:05:10.1"] });
  await expectShutdown(sidecar, pod.client(program, ["-timeout", "20s", "-shutdown"]));
});

test("passt: its interface is there once, and memory is shared", async () => {
  const defined = await defineThrice(passt, red, domainWith());
  for (const { round, interfaces, memory } of defined)
    expect({ interfaces, memory }).toEqual({ interfaces: [...placeholdersIn(round), onPasst], memory: "memfd shared" });
});

/** A third party's binding, under this release's sidecar runtime: its plans are what its sidecar is handed. */
const planning = (domain: DomainPlan): Binding =>
  defineBinding({ name: "passt", contract: "v1alpha1", migration: "none", plan: () => ({ domain }) });

test.each([
  {
    domain: { kind: "vhostuser", socket: "red-0.sock", mode: "client", queues: 2 },
    written: { type: "vhostuser", path: "/var/run/kubevirt/vhostuser/red-0.sock", mode: "client", queues: 2 },
    backing: "memfd shared",
  },
  {
    domain: { kind: "vdpa", device: "vhost-vdpa-0" },
    written: { type: "vdpa", sourceDev: "/dev/vhost-vdpa-0", queues: 4 },
    backing: undefined,
  },
] as const)(
  "a third party's $domain.kind: its interface is there once, by the name that it planned",
  async ({ domain, written, backing }) => {
    const attachment = { ...red, queues: 4, allocatedDevices: ["vhost-vdpa-0"] };
    const own = { alias: "ua-red", mac: red.mac, model: "virtio-non-transitional", ...written };
    for (const { round, interfaces, memory } of await defineThrice(planning(domain), attachment, domainWith()))
      expect({ interfaces, memory }).toEqual({ interfaces: [...placeholdersIn(round), own], memory: backing });
  },
);

test("slirp: QEMU's arguments are there once, and there is no interface", async () => {
  const defined = await defineThrice(slirp, { ...red, model: "e1000" }, domainWith());
  for (const { round, interfaces, qemuArgs } of defined) {
    expect(interfaces).toEqual(placeholdersIn(round));
    const [netdev, user, device, e1000, ...more] = qemuArgs as readonly string[];
    expect([netdev, device, more]).toEqual(["-netdev", "-device", []]);
    expect(user).toMatch(/^user,id=.*net=10\.0\.2\.0\/24,.*hostfwd=tcp:.*:80-:80/);
    expect(JSON.parse(e1000 ?? "")).toMatchObject({ driver: "e1000", mac: red.mac });
  }
});

test("sockets are told apart by their base names: one image under two names is collected twice, as no two sidecars share one", async () => {
  await using pod = new HookPod();
  for (const container of ["hook-sidecar-0", "hook-sidecar-1"])
    await attach(await pod.sidecar("masquerade", container), masquerade, red);
  const client = pod.client(program, ["-count", "2", "-timeout", "20s"]);
  expect(await client.ended).toBe(0);
  expect(eventsOf(client, "collected")).toHaveLength(2);

  await using clashing = new HookPod();
  for (const mount of ["hook-sidecar-0", "hook-sidecar-1"])
    await attach(await clashing.sidecar("masquerade", "hook-sidecar-0", mount), masquerade, red);
  const stuck = clashing.client(program, ["-count", "2", "-timeout", "2s"]);
  expect(await stuck.ended).toBe(2);
  expect(eventsOf(stuck, "panicked")).toMatchObject([
    { fault: "base-names", why: expect.stringContaining("1 of 2 sidecars were collected in 2s") },
  ]);
});

test("another file beside the socket is tried in vain, and does not block the sidecar", async () => {
  await using pod = new HookPod();
  const sidecar = await pod.sidecar("masquerade", "hook-sidecar-0");
  writeFileSync(join(sidecar.directory, "a-note.txt"), "hello");
  const client = pod.client(program, ["-timeout", "30s"]);
  await attach(sidecar, masquerade, red);
  expect(await client.ended).toBe(0);
  expect(eventsOf(client, "notReady").length).toBeGreaterThan(0);
  expect(eventsOf(client, "collected")).toHaveLength(1);
});
