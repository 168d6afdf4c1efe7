/** What becomes of a VM that runs: its status, its live update, the links that are refreshed. */
import { annotationsOfRunningPod, NETWORK_STATUS } from "@netbind/kubevirt/pod";
import {
  hasOrdinalNames,
  linksToRefresh,
  liveUpdate,
  migrationRequired,
  restartRequired,
  type Vm,
  type Vmi,
  type VmiInterface,
  type VmiNetwork,
  type VmiStatusInterface,
  withoutAbsent,
} from "@netbind/kubevirt";
import { interfacesOfRunning, type RunningInputs } from "@netbind/kubevirt/status";
import { describe, expect, test } from "vitest";

const POD: VmiNetwork = { name: "pod", pod: {} };
const multus = (name: string, nad = `${name}-nad`): VmiNetwork => ({ name, multus: { networkName: nad } });

const aVmi = (
  interfaces: readonly VmiInterface[],
  networks: readonly VmiNetwork[],
  status: Vmi["status"] = {},
): Vmi => ({
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachineInstance",
  metadata: { name: "vm", namespace: "ns" },
  spec: { domain: { devices: { interfaces } }, networks },
  status,
});
const aVm = (interfaces: readonly VmiInterface[], networks: readonly VmiNetwork[]): Vm => ({
  spec: { template: { spec: { domain: { devices: { interfaces } }, networks } } },
});

const MASQUERADE: VmiInterface = { name: "pod", masquerade: {} };
const bridged = (name: string, state?: string): VmiInterface => ({
  name,
  bridge: {},
  ...(state === undefined ? {} : { state }),
});
const hashed = (name: string): VmiStatusInterface => ({
  name,
  podInterfaceName: "pod16477688c0e",
  infoSource: "domain",
});

describe("a live update", () => {
  const running = aVmi([MASQUERADE, bridged("blue")], [POD, multus("blue")], {
    interfaces: [{ name: "pod" }, hashed("blue")],
  });

  test("adds bridge and SR-IOV NICs with their networks, and no others", () => {
    const added: readonly VmiInterface[] = [
      bridged("red"),
      { name: "vf", sriov: {} },
      { name: "p", binding: { name: "passt" } },
      bridged("gone", "absent"),
    ];
    const names = ["red", "vf", "p", "gone"];
    const { interfaces, networks } = liveUpdate(
      aVm([MASQUERADE, bridged("blue"), ...added], [POD, multus("blue"), ...names.map((name) => multus(name))]),
      running,
    );
    expect(interfaces.map(({ name }) => name)).toEqual(["pod", "blue", "red", "vf"]);
    expect(networks.map(({ name }) => name)).toEqual(["pod", "blue", "red", "vf"]);
  });

  test("copies states; an absent NIC goes once no status has it, and never comes back", () => {
    const states = (vm: Vm, vmi: Vmi): readonly (string | undefined)[] =>
      liveUpdate(vm, vmi).interfaces.map(({ state }) => state);
    const template = (state?: string): Vm => aVm([MASQUERADE, bridged("blue", state)], [POD, multus("blue")]);
    expect(states(template("down"), running)).toEqual([undefined, "down"]);
    expect(states(template("absent"), running)).toEqual([undefined, "absent"]);
    const leaving = aVmi([MASQUERADE, bridged("blue", "absent")], [POD, multus("blue")], {
      interfaces: [hashed("blue")],
    });
    expect(states(template("up"), leaving)).toEqual([undefined, "absent"]);
    const left = { ...leaving, status: { interfaces: [{ name: "pod" }] } };
    expect(liveUpdate(template("absent"), left)).toEqual({ interfaces: [MASQUERADE], networks: [POD] });
  });

  test("takes no NIC out of a pod with ordinal names, or of which nothing is known", () => {
    const template = aVm([MASQUERADE, bridged("blue", "absent")], [POD, multus("blue")]);
    const ordinal = { ...running, status: { interfaces: [{ name: "blue", podInterfaceName: "net1" }] } };
    expect(hasOrdinalNames(ordinal)).toBe(true);
    expect(hasOrdinalNames({ ...running, status: {} })).toBe(true);
    expect(liveUpdate(template, ordinal).interfaces[1]?.state).toBeUndefined();
  });

  test("names another definition where the VM can move to a pod that has it", () => {
    const template = aVm([MASQUERADE, bridged("blue")], [POD, multus("blue", "other")]);
    const condition = { type: "LiveMigratable", status: "True" };
    const movable = { ...running, status: { ...running.status, conditions: [condition] } };
    expect(liveUpdate(template, movable).networks[1]).toEqual(multus("blue", "other"));
    expect(liveUpdate(template, running).networks[1]).toEqual(multus("blue"));
    expect(liveUpdate(template, movable, {}, 7).networks[1]).toEqual(multus("blue"));
  });

  test("a template loses its absent NICs when nobody has them any more", () => {
    const template = aVm([MASQUERADE, bridged("blue", "absent")], [POD, multus("blue")]);
    expect(withoutAbsent(template, running).interfaces).toHaveLength(2);
    expect(withoutAbsent(template, undefined)).toEqual({ interfaces: [MASQUERADE], networks: [POD] });
    expect(withoutAbsent(template, aVmi([MASQUERADE], [POD], { interfaces: [{ name: "pod" }] })).networks).toEqual([
      POD,
    ]);
  });
});

test("links are refreshed of plugins that are registered for it, and of no others", () => {
  const binding = {
    a: { migration: { method: "link-refresh" } },
    b: { migration: {} },
    c: { migration: { method: "Link-Refresh" } },
  };
  const nics = ["a", "b", "c", "toString"].map((name) => ({ name, binding: { name } }));
  expect(linksToRefresh(aVmi([MASQUERADE, ...nics], [POD]), { network: { binding } })).toEqual(["a"]);
});

describe("the status of a running VM", () => {
  const vmi = aVmi(
    [MASQUERADE, bridged("blue"), { name: "vf", sriov: {}, macAddress: "02-00-00-00-00-0C" }],
    [POD, multus("blue"), multus("vf")],
    {
      interfaces: [
        { name: "pod", podInterfaceName: "eth0" },
        { name: "blue", podInterfaceName: "pod16477688c0e", infoSource: "multus-status" },
      ],
    },
  );
  const facts: RunningInputs = {
    domain: [
      { name: "blue", mac: "02:00:00:00:00:0b", kind: "interface", linkDown: true },
      { name: "pod", mac: "02:00:00:00:00:0a", kind: "interface", queues: 4 },
      { name: "vf", kind: "hostdev" },
    ],
    podAddresses: new Map([["pod", ["10.244.0.7", "fd10:244::7"]]]),
  };

  test("the domain's NICs with the pod's addresses, the primary one first", () => {
    expect(interfacesOfRunning(vmi, facts)).toEqual([
      {
        name: "pod",
        mac: "02:00:00:00:00:0a",
        infoSource: "domain",
        queueCount: 4,
        linkState: "up",
        ipAddress: "10.244.0.7",
        ipAddresses: ["10.244.0.7", "fd10:244::7"],
        podInterfaceName: "eth0",
      },
      {
        name: "blue",
        mac: "02:00:00:00:00:0b",
        infoSource: "domain, multus-status",
        queueCount: 1,
        linkState: "down",
        podInterfaceName: "pod16477688c0e",
      },
      { name: "vf", mac: "02:00:00:00:00:0c", infoSource: "domain" },
    ]);
    expect(interfacesOfRunning(vmi, { ...facts, domain: [] })).toEqual(vmi.status?.interfaces);
  });

  test("an agent tells the guest's names; the pod's address of a family stands where both have one", () => {
    const agent = [
      { mac: "02:00:00:00:00:0A", interfaceName: "enp1s0", addresses: ["10.0.2.2/24", "fe80::1/64"] },
      { mac: "02:00:00:00:00:0b", interfaceName: "enp2s0", addresses: ["192.168.7.9/24", "fe80::2/64"] },
      { mac: "02:00:00:00:00:0c", addresses: ["192.168.8.9"] },
      ...Array.from({ length: 12 }, (_, at) => ({
        mac: `06:00:00:00:00:${(16 + at).toString(16)}`,
        interfaceName: `veth${at}`,
        addresses: [],
      })),
    ];
    const entries = interfacesOfRunning(vmi, { ...facts, agent });
    expect(entries[0]).toMatchObject({
      interfaceName: "enp1s0",
      ipAddresses: ["10.244.0.7"],
      infoSource: "domain, guest-agent",
    });
    expect(entries[1]).toMatchObject({
      ipAddresses: ["192.168.7.9", "fe80::2"],
      infoSource: "domain, guest-agent, multus-status",
    });
    expect(entries[2]).toMatchObject({ name: "vf", ipAddress: "192.168.8.9", infoSource: "domain" });
    expect(entries.slice(3)).toHaveLength(10);
    expect(entries[3]).toEqual({ mac: "06:00:00:00:00:10", interfaceName: "veth0", infoSource: "guest-agent" });
  });

  test("a NIC that only the pod has is told; the primary one stays, whatever the domain has", () => {
    const [blue, pod] = facts.domain;
    const entries = interfacesOfRunning(vmi, {
      ...facts,
      domain: facts.domain.filter((nic) => nic !== blue && nic !== pod),
    });
    expect(entries.map(({ name, infoSource }) => [name, infoSource])).toEqual([
      ["pod", undefined],
      ["vf", "domain"],
      ["blue", "multus-status"],
    ]);
  });
});

describe("a restart", () => {
  const running = aVmi([MASQUERADE, bridged("blue")], [POD, multus("blue")]);
  const asked = (nic: Partial<VmiInterface>, network: VmiNetwork = multus("blue")): boolean =>
    restartRequired(aVm([MASQUERADE, { ...bridged("blue"), ...nic }], [POD, network]), running);

  test("is not asked for by what means nothing: an empty text, zero, false", () => {
    expect(asked({ macAddress: "", model: "", acpiIndex: 0, state: "down" })).toBe(false);
    expect(asked({}, { name: "blue", multus: { networkName: "blue-nad", default: false } })).toBe(false);
    expect(asked({ bootOrder: 0 })).toBe(true);
    expect(asked({ ports: [] })).toBe(true);
    expect(asked({}, multus("blue", "other"))).toBe(true);
  });
});

describe("the annotations of a running pod", () => {
  const podOf = (...links: readonly string[]) => ({
    metadata: {
      annotations: { [NETWORK_STATUS]: JSON.stringify(links.map((link) => ({ name: "n", interface: link }))) },
    },
  });
  const networksOf = (vmi: Vmi, pod = podOf(), configuration = {}): unknown =>
    annotationsOfRunningPod(vmi, configuration, pod)["k8s.v1.cni.cncf.io/networks"];
  const known = (...names: readonly string[]): Vmi["status"] => ({ interfaces: names.map((name) => ({ name })) });

  test("stay as they are for an SR-IOV NIC that is not in the pod, and for a plugin that nobody registered", () => {
    const status = known("pod");
    expect(networksOf(aVmi([MASQUERADE, { name: "vf", sriov: {} }], [POD, multus("vf")], status))).toBeUndefined();
    const plugged = aVmi(
      [MASQUERADE, bridged("blue"), { name: "p", binding: { name: "p" } }],
      [POD, multus("blue"), multus("p")],
      status,
    );
    expect(networksOf(plugged)).toBeUndefined();
    expect(networksOf(plugged, podOf(), { network: { binding: { p: {} } } })).toContain("blue-nad");
  });

  test("keep a link's ordinal name where one before it is taken out", () => {
    const vmi = aVmi(
      [MASQUERADE, bridged("blue", "absent"), bridged("red")],
      [POD, multus("blue"), multus("red")],
      known("pod", "blue", "red"),
    );
    expect(JSON.parse(String(networksOf(vmi, podOf("eth0", "net1", "net2"))))).toEqual([
      { name: "red-nad", namespace: "ns", interface: "net2" },
    ]);
  });
});

test("a migration that waits since nobody knows when does not wait any longer", () => {
  const vmi = (since: string | null): Vmi =>
    aVmi([MASQUERADE, bridged("blue")], [POD, multus("blue")], {
      interfaces: [{ name: "pod" }],
      conditions: [{ type: "MigrationRequired", status: "False", lastTransitionTime: since }],
    });
  const now = Date.parse("2026-01-01T00:00:20Z");
  const of = (since: string | null): string => migrationRequired(vmi(since), { metadata: {} }, now);
  expect([of("2026-01-01T00:00:10Z"), of("2026-01-01T00:00:00Z"), of(null)]).toEqual(["False", "True", "True"]);
});
