/** Which objects an input is made of: exports, Templates, other products' objects, and kinds that there are not. */
import { expect, test } from "vitest";
import { parseText } from "../../../core/input/src/documents.ts";
import { findNotChecked } from "../../../core/input/src/not-checked.ts";
import { type Input, inputOf, type Needed } from "../../../core/input/src/input.ts";
import { validateInput } from "../../../core/input/src/validate-input.ts";

const SPEC = {
  domain: { devices: { interfaces: [{ name: "default", masquerade: {} }] } },
  networks: [{ name: "default", pod: {} }],
};
const vm = (name: string): object => ({
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachine",
  metadata: { name },
  spec: { runStrategy: "Always", template: { spec: SPEC } },
});
const vmi = (name: string, owner?: object): object => ({
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachineInstance",
  metadata: { name, ...(owner === undefined ? {} : { ownerReferences: [owner] }) },
  spec: SPEC,
});
const OWNER = { apiVersion: "kubevirt.io/v1", kind: "VirtualMachine", name: "web", controller: true };

const read = (objects: readonly unknown[], needed: Needed = "anything of a VM or its cluster"): Input =>
  inputOf(parseText("a.yaml", objects.map((one) => JSON.stringify(one)).join("\n---\n")), "a.yaml", needed);
const problems = ({ violations }: Input): readonly string[] =>
  violations.map(({ problem, fix }) => `${problem}: ${fix}`);

test("a VMI that runs for a VM of the input is not one more VM, in whatever order they are", () => {
  for (const objects of [
    [vm("web"), vmi("web", OWNER)],
    [vmi("web", OWNER), vm("web")],
  ])
    for (const needed of ["a VM", "anything of a VM or its cluster"] as const) {
      const input = read(objects, needed);
      expect(problems(input)).toEqual([]);
      expect(input.vms.map(({ object }) => object.kind)).toEqual(["VirtualMachine"]);
      expect(input.running).toHaveLength(1);
    }
});

test("a VMI of its own, or of a VM that is not in the input, counts", () => {
  expect(read([vmi("web", OWNER)]).vms).toHaveLength(1);
  expect(read([vm("other"), vmi("web", OWNER)]).vms).toHaveLength(2);
  expect(read([vm("web"), vmi("web", { ...OWNER, kind: "VirtualMachineInstanceReplicaSet" })]).vms).toHaveLength(2);
  for (const owners of [5, [5], [{}], [null]] as const)
    expect(read([vm("web"), { ...vmi("web"), metadata: { name: "web", ownerReferences: owners } }]).vms).toHaveLength(
      2,
    );
});

test("two kinds may share a name in a cluster, and only one of them is started here", () => {
  expect(problems(read([vm("web"), vmi("web")]))).toEqual([]);
  expect(problems(read([vm("web"), vm("web")]))).toEqual([expect.stringContaining("already")]);
  expect(problems(read([vm("web"), vmi("web")], "a VM"))).toEqual([expect.stringContaining("already")]);
});

test("another product's VirtualMachine is left out with a word", () => {
  for (const apiVersion of ["vmoperator.vmware.com/v1alpha1", "virtualization.deckhouse.io/v1alpha2"]) {
    const input = read([{ apiVersion, kind: "VirtualMachine", metadata: { name: "old" } }, vm("web")]);
    expect(problems(input)).toEqual([]);
    expect(input.warnings).toEqual([expect.stringContaining("VirtualMachine")]);
  }
  for (const apiVersion of ["kubevirt.io/v1beta9", "v1", "kubvirt.io/v1", "x/v1", undefined, 5])
    expect(problems(read([{ apiVersion, kind: "VirtualMachine", metadata: { name: "old" } }]))).toHaveLength(1);
});

test("a kind that a group of KubeVirt's has not is refused, with the one that is meant", () => {
  const fixOf = (apiVersion: string, kind: string): readonly string[] =>
    problems(read([{ apiVersion, kind, metadata: { name: "a" } }, vm("web")]));
  expect(fixOf("kubevirt.io/v1", "VirtualMachineInstanc")).toEqual([
    expect.stringContaining("mean VirtualMachineInstance?"),
  ]);
  expect(fixOf("kubevirt.io/v1", "virtualmachine")).toEqual([expect.stringContaining("mean VirtualMachine?")]);
  expect(fixOf("kubevirt.io/v1", "VirtualMachinePool")).toEqual([expect.stringContaining("group pool.kubevirt.io")]);
  expect(fixOf("pool.kubevirt.io/v1beta1", "Pool")).toEqual([
    expect.stringContaining("write one of VirtualMachinePool"),
  ]);
  expect(fixOf("kubevirt.io/v1", "x".repeat(1_000_000))[0]?.length).toBeLessThan(500);
  expect(fixOf("apps/v1", "Deployment")).toEqual([]);
});

test("a cluster's configuration and networks alone are an input, and nothing at all is not", () => {
  const kubevirt = { apiVersion: "kubevirt.io/v1", kind: "KubeVirt", metadata: { name: "k" }, spec: {} };
  const nad = { apiVersion: "k8s.cni.cncf.io/v1", kind: "NetworkAttachmentDefinition", metadata: { name: "n" } };
  for (const one of [kubevirt, nad]) {
    expect(problems(read([one]))).toEqual([]);
    expect(problems(read([one], "a VM"))).toHaveLength(1);
  }
  expect(problems(read([{ apiVersion: "v1", kind: "Service", metadata: { name: "s" } }]))).toHaveLength(1);
});

const parameter = (name: string): string => `\${${name}}`;
const template = (objects: readonly unknown[], parameters: unknown): object => ({
  apiVersion: "template.openshift.io/v1",
  kind: "Template",
  metadata: { name: "t" },
  objects,
  parameters,
});

test("a Template's objects are read with its parameters' defaults", () => {
  const cores = { ...SPEC, domain: { ...SPEC.domain, cpu: { cores: parameter("{CORES}") } } };
  const parameters = [
    { name: "NAME", generate: "expression", from: "fedora-[a-z0-9]{4}" },
    { name: "CORES", value: "4" },
    { name: "MY_SPACE" },
    5,
    {},
  ];
  const input = read([
    template(
      [
        {
          ...vmi(parameter("NAME")),
          metadata: { name: parameter("NAME"), namespace: parameter("MY_SPACE") },
          spec: cores,
        },
      ],
      parameters,
    ),
  ]);
  expect(problems(input)).toEqual([]);
  const [one] = input.vms;
  expect(one?.vmi.metadata).toMatchObject({ name: "fedora-xxxx", namespace: "my-space" });
  expect(one?.vmi.spec.domain.cpu?.cores).toBe(4);
  expect(one?.locate({ field: "spec.domain.cpu", problem: "", fix: "" }).line).toBe(1);
});

test("parameters of any shape are taken, and those that would fill the memory are refused", () => {
  for (const parameters of [undefined, 5, [], [{ name: 5 }], [{ name: "A", value: {} }]])
    expect(read([template([vmi("a")], parameters)]).vms).toHaveLength(1);
  const huge = template(
    [{ ...vmi("a"), x: Array.from({ length: 2000 }, () => parameter("A")) }],
    [{ name: "A", value: "x".repeat(10_000) }],
  );
  expect(problems(read([huge]))).toEqual([expect.stringContaining("parameters repeat too much")]);
});

test("of an object of KubeVirt's that is not read it is said what is not checked, and an input of it alone is one", () => {
  const unchecked = (apiVersion: string, kind: string): readonly string[] => {
    const input = read([{ apiVersion, kind, metadata: { name: "a" } }]);
    expect(problems(input)).toEqual([]);
    expect(input.warnings).toEqual([]);
    return findNotChecked(input);
  };
  expect(unchecked("snapshot.kubevirt.io/v1beta1", "VirtualMachineRestore")).toEqual([
    "VirtualMachineRestore default/a: netbind knows its kind, and reads nothing else of it",
  ]);
  expect(unchecked("plugin.kubevirt.io/v1alpha1", "Plugin")).toEqual([]);
  expect(unchecked("plugin.kubevirt.io/v1alpha2", "Plugin")).toEqual([expect.stringMatching(/^Plugin a: /)]);
  expect(unchecked("migrations.kubevirt.io/v1alpha2", "MigrationPolicy")).toEqual([
    "MigrationPolicy a: netbind knows the fields of v1alpha1, not of v1alpha2",
  ]);
  expect(unchecked("migrations.kubevirt.io/v1alpha1", "MigrationPolicy")).toEqual([]);
});

test("a field that a Plugin has not is named, with the one that is meant", () => {
  const plugin = { apiVersion: "plugin.kubevirt.io/v1alpha1", kind: "Plugin", metadata: { name: "a" } };
  const hook = { sidecar: { socketPth: "/a" } };
  expect(problems(read([{ ...plugin, spec: { domainHooks: [hook] } }]))).toEqual([
    expect.stringContaining('unknown field "socketPth"'),
  ]);
  expect(problems(read([{ ...plugin, spec: { domainHooks: [{ sidecar: { socketPath: "/a" } }] } }]))).toEqual([]);
});

test("objects that name no namespace are in the reader's, each beside the others", () => {
  const networked = { domain: { devices: { interfaces: [{ name: "lan", bridge: {} }] } } };
  const status = { conditions: [{ type: "LiveMigratable", status: "False" }] };
  const onLan = { spec: { ...networked, networks: [{ name: "lan", multus: { networkName: "lan" } }] }, status };
  const named = (type: object, more: object = {}): object => ({ ...type, metadata: { name: "lan" }, ...more });
  const config = JSON.stringify({ cniVersion: "1.0.0", name: "lan", type: "bridge", ipam: { type: "dhcp" } });
  const definition = { apiVersion: "k8s.cni.cncf.io/v1", kind: "NetworkAttachmentDefinition", spec: { config } };
  const migration = { apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstanceMigration", spec: { vmiName: "web" } };
  const others = [
    ...[{ ...vmi("web"), ...onLan }, named(migration), vm("db"), vmi("db", { ...OWNER, name: "db" })],
    named({ apiVersion: "v1", kind: "Secret" }, { stringData: { userdata: "a" } }),
    named({ apiVersion: "v1", kind: "Service" }, { spec: { selector: { app: "web" }, ports: [{ port: 80 }] } }),
  ];
  const inProd = (...objects: readonly object[]): Input =>
    inputOf(parseText("a.yaml", JSON.stringify({ kind: "List", items: objects }), "prod"), "a.yaml", "nothing");
  const found = (input: Input): readonly string[] =>
    validateInput(input, { operation: "create" }, new Map()).map(({ rule, problem }) => `${rule} ${problem}`);

  const input = inProd(named(definition), ...others);
  expect(input.vms.map(({ object, vmi: { metadata } }) => [object.namespace, metadata.namespace])).toEqual([
    ["prod", "prod"],
    ["prod", "prod"],
  ]);
  expect([input.running.length, input.services[0]?.namespace]).toEqual([1, "prod"]);
  expect(input.dataOf("prod").secrets).toEqual({ lan: { userdata: "a" } });
  expect(found(input)).toEqual(['MIG-1 VM "web" cannot be migrated']);

  const away = inProd({ ...definition, metadata: { name: "lan", namespace: "default" } }, ...others);
  const missing = "NAD-1 no NetworkAttachmentDefinition prod/lan is in the input";
  expect(found(away)).toContain(missing);
  expect(found({ ...away, sources: "the input or the cluster" })).toContain(`${missing} or the cluster`);

  const plugged = { domain: { devices: { interfaces: [{ name: "lan", binding: { name: "routed" } }] } } };
  const unregistered = inProd({ ...vmi("web"), spec: { ...plugged, networks: [{ name: "lan", pod: {} }] } });
  for (const sources of ["the input", "the input or the cluster"] as const)
    expect(found({ ...unregistered, sources })).toEqual([
      `REG-1 no KubeVirt CR found in ${sources}: not known whether "routed" is registered`,
    ]);
});
