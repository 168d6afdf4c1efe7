/** Every rule, with a VM that breaks it at one place. */
import { RULES, validateVmi } from "@netbind/kubevirt/admission";
import type { KubevirtConfiguration, KubevirtMinor, Vmi, VmiInterface, VmiNetwork } from "@netbind/kubevirt";
import { expect, test } from "vitest";
import { BROKEN_CLUSTERS } from "../../support/rules/broken-clusters.ts";
import { BROKEN_INTERFACES } from "../../support/rules/broken-interfaces.ts";
import { BROKEN_NETWORKS } from "../../support/rules/broken-networks.ts";
import { type Broken, I, POD, MULTUS, register, PLUGIN, only, nad, second } from "../../support/rules/broken-vm.ts";

const BROKEN: Readonly<Record<string, Broken>> = { ...BROKEN_NETWORKS, ...BROKEN_INTERFACES, ...BROKEN_CLUSTERS };

function vmiOf({ nic, interfaces = [{ name: "n0", masquerade: {}, ...nic }], networks, spec, metadata }: Broken): Vmi {
  const pairs = networks ?? [POD];
  const given = spec?.domain ?? { devices: {} };
  return {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: { name: "vm", namespace: "ns", ...metadata },
    spec: { ...spec, domain: { ...given, devices: { ...given.devices, interfaces } }, networks: pairs },
  };
}

const judge = (broken: Broken): readonly { readonly id: string; readonly field: string }[] => {
  const { configuration = {}, version = 9, nads, described, surroundings = {} } = broken;
  const plain = JSON.parse(JSON.stringify(vmiOf(broken))) as Vmi;
  const bindings = described === undefined ? {} : { described: new Map([["p", { migration: described }]]) };
  return validateVmi(plain, {
    configuration,
    version,
    surroundings,
    ...bindings,
    ...(nads === undefined ? {} : { nads }),
  }).map(({ rule, field }) => ({
    id: rule.id,
    field,
  }));
};

test("every rule has a VM that breaks it, and there is no other rule", () => {
  expect(Object.keys(BROKEN).sort()).toEqual(RULES.map(({ id }) => id).sort());
});

for (const [id, broken] of Object.entries(BROKEN))
  test(`${id} is told at its place`, () =>
    expect(judge(broken).filter((finding) => finding.id === id)).toEqual([{ id, field: broken.at }]));

test("a good VM breaks none, in any version that knows what it says", () => {
  for (const version of [1, 2, 3, 4, 5, 6, 7, 8, 9] as const)
    expect(judge({ version, at: "" }), String(version)).toEqual([]);
});

test("up to 1.2 an interface is told its first fault only", () => {
  const nic = { macAddress: "02:00:00:00:00:00" };
  const ids = (version: KubevirtMinor): readonly string[] =>
    judge({ nic, networks: [MULTUS], version, at: "" }).map(({ id }) => id);
  expect(ids(2)).toEqual(["BIND-2"]);
  expect(ids(3)).toEqual(["BIND-2", "BIND-3"]);
});

test("bridge is told of a CNI plugin that it does not work with however it is named, and managedTap as well", () => {
  const found = (nic: Partial<VmiInterface>, configuration: KubevirtConfiguration = {}): readonly string[] =>
    validateVmi(vmiOf({ nic: only(nic), networks: [MULTUS], at: "" }), { configuration, nads: [nad("a", "ipvlan")] })
      .filter(({ rule }) => rule.id === "CNI-1")
      .map(({ field, problem }) => `${field}: ${problem}`);
  const problem = "does not work on a network of the CNI plugin ipvlan";
  expect(found({ bridge: {} })).toEqual([`${I}[0].bridge: bridge ${problem}`]);
  expect(found({ binding: { name: "bridge" } })).toEqual([`${I}[0].binding.name: bridge ${problem}`]);
  expect(found({ binding: { name: "p" } }, register({ domainAttachmentType: "managedTap" }))).toEqual([
    `${I}[0].binding.name: p ${problem}`,
  ]);
  expect(found({ binding: { name: "p" } }, register({ domainAttachmentType: "tap" }))).toEqual([]);
});

test("the default network is the first that could be: only its interface may not be absent", () => {
  const interfaces = second({ state: "absent" });
  const networks = [POD, { name: "n1", multus: { networkName: "a", default: true } }];
  expect(judge({ interfaces, networks, at: "" }).map(({ id }) => id)).toEqual(["NET-3"]);
  expect(judge({ interfaces, networks: [...networks].reverse(), at: "" }).map(({ id }) => id)).toEqual([
    "NET-3",
    "ST-4",
  ]);
});

test("a link state has an effect where KubeVirt writes the NIC itself", () => {
  const reported = (nic: Partial<VmiInterface>, plugin?: object): readonly string[] => {
    const binding = plugin === undefined ? {} : { p: plugin };
    return validateVmi(vmiOf({ nic: only(nic), at: "" }), { configuration: { network: { binding } } })
      .filter(({ rule }) => rule.id === "FIELD-2")
      .map(({ field, problem }) => `${field}: ${problem}`);
  };
  const down = (name: string): Partial<VmiInterface> => ({ binding: { name }, state: "down" });
  const says = (name: string): readonly string[] => [
    `${I}[0].state: state has no effect: KubeVirt sets the link of NICs that it writes itself only, and ${name} writes its own`,
  ];
  for (const name of ["passt", "slirp"]) expect(reported(down(name)), name).toEqual(says(name));
  expect(reported(down("p"), { sidecarImage: "i" })).toEqual(says("p"));
  expect(reported({ ...down("p"), state: "up" }, { sidecarImage: "i" })).toEqual([]);
  for (const domainAttachmentType of ["tap", "managedTap"]) {
    expect(reported(down("p"), { sidecarImage: "i", domainAttachmentType })).toEqual([]);
    expect(reported(down("p"), { domainAttachmentType })).toEqual([]);
  }
  expect(reported({ masquerade: {}, state: "down" })).toEqual([]);
});

test("a registration's migration and what its binding says of it: each mismatch is told, where KubeVirt reads it", () => {
  const reported = (
    described: "none" | "supported" | "link-refresh",
    migration?: object | null,
    networks?: readonly VmiNetwork[],
  ): string => {
    const broken: Broken = { nic: only(PLUGIN), ...(networks === undefined ? {} : { networks }), at: "" };
    const plugin = {
      sidecarImage: "i",
      domainAttachmentType: "tap",
      ...(migration === undefined ? {} : { migration }),
    };
    const found = validateVmi(vmiOf(broken), {
      configuration: register(plugin),
      described: new Map([["p", { migration: described }]]),
    });
    return found.flatMap(({ rule, problem, fix }) => (rule.id === "REG-9" ? [`${problem}; ${fix}`] : [])).join();
  };
  const refresh = { method: "link-refresh" };
  expect(reported("none", {})).toMatch(
    /with migration and cannot be migrated .* lose the network; register no migration under .*binding\.p /,
  );
  expect(reported("none", refresh)).toMatch(/with migration and cannot be migrated/);
  expect(reported("supported")).toMatch(/without migration and can be migrated.*; register migration: \{\} under/);
  expect(reported("supported", null)).toMatch(/without migration/);
  expect(reported("link-refresh", {})).toMatch(
    /without the migration method link-refresh.*; register migration: \{method: link-refresh\}/,
  );
  for (const fits of [
    reported("none"),
    reported("none", null),
    reported("supported", {}),
    reported("supported", refresh),
    reported("link-refresh", refresh),
  ])
    expect(fits).toBe("");
  // On another network KubeVirt migrates whatever is registered.
  expect(reported("none", {}, [MULTUS])).toBe("");
  // A plugin that is not registered, or that nobody can ask.
  expect(judge({ nic: only(PLUGIN), described: "supported", at: "" }).map(({ id }) => id)).toEqual(["REG-1"]);
});

test("managedTap of a binding that Netbind serves never starts, with an image or without; of others the image decides", () => {
  const ids = (plugin: object, described?: "none"): readonly string[] =>
    judge({
      nic: only(PLUGIN),
      configuration: register({ domainAttachmentType: "managedTap", ...plugin }),
      ...(described === undefined ? {} : { described }),
      at: "",
    }).map(({ id }) => id);
  expect(ids({ sidecarImage: "i" }, "none")).toEqual(["REG-8"]);
  expect(ids({}, "none")).toEqual(["REG-8"]);
  expect(ids({ sidecarImage: "i" })).toEqual(["REG-7"]);
  expect(ids({})).toEqual([]);
});
