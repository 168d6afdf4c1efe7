import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { useNetbind } from "../../support/guest/use-netbind.ts";

const netbind = useNetbind();

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-input-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

const VMI = `apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata:
  name: vm
spec:
  domain:
    devices:
      interfaces:
        - name: red
          masquerade: {}
  networks:
    - name: red
      pod: {}
`;

interface Refusal {
  readonly error: {
    readonly violations: readonly {
      readonly file: string;
      readonly line: number;
      readonly field: string;
      readonly problem: string;
      readonly fix: string;
    }[];
  };
}

async function refused(...files: readonly string[]): Promise<Refusal["error"]["violations"]> {
  const { code, stdout } = await netbind(["plan", "-o", "json", ...files.flatMap((path) => ["-f", path])]);
  expect(code).toBe(3);
  return (JSON.parse(stdout) as Refusal).error.violations;
}

test("everything wrong is told at once, each with file, line, field, problem and fix", async () => {
  const bad = VMI.replace(
    "name: red\n          masquerade: {}",
    'name: "bad name"\n          masquerade: {}\n          model: e2000\n          macAddress: 02:zz\n          prots: []\n          ports:\n            - port: 70000\n              name: "a,b"\n              protocol: ICMP',
  );
  const found = await refused(file("a.yaml", bad));
  expect(found).toEqual([
    expect.objectContaining({
      field: "spec.domain.devices.interfaces[0].prots",
      line: 13,
      fix: expect.stringContaining('"ports"'),
    }),
  ]);
  const shaped = await refused(
    file(
      "b.yaml",
      bad
        .replace("          prots: []\n", "")
        .replace('"bad name"', "red")
        .replace("pod: {}", "pod: {vmNetworkCIDR: 10.0.0.0/31}"),
    ),
  );
  expect(shaped.map(({ field }) => field).sort()).toEqual([
    "spec.domain.devices.interfaces[0].macAddress",
    "spec.domain.devices.interfaces[0].model",
    "spec.domain.devices.interfaces[0].ports[0].name",
    "spec.domain.devices.interfaces[0].ports[0].port",
    "spec.domain.devices.interfaces[0].ports[0].protocol",
    "spec.networks[0].pod.vmNetworkCIDR",
  ]);
  for (const { file: where, line, problem, fix } of shaped) {
    expect(where).toBe(join(directory, "b.yaml"));
    expect(line).toBeGreaterThan(8);
    expect(problem.length * fix.length).toBeGreaterThan(0);
  }
});

test("the guide's shorthand is refused with the header that is meant", async () => {
  const found = await refused(file("a.yaml", "kind: VM\nspec:\n  domain: {}\n"));
  expect(found).toEqual([
    expect.objectContaining({ field: "kind", line: 1, fix: expect.stringContaining("apiVersion: kubevirt.io/v1") }),
  ]);
});

test("unknown fields of the CR's network, and a second CR, are refused", async () => {
  const cr =
    "apiVersion: kubevirt.io/v1\nkind: KubeVirt\nmetadata:\n  name: kubevirt\nspec:\n  configuration:\n    network:\n      permitBridgeInterfaceOnPodNetwrk: false\n";
  const found = await refused(
    file("vm.yaml", VMI),
    file("cr.yaml", `${cr}---\n${cr.replace("permitBridgeInterfaceOnPodNetwrk: false", "binding: {}")}`),
  );
  expect(found.map(({ line, fix }) => [line, fix])).toEqual([
    [8, expect.stringContaining('"permitBridgeInterfaceOnPodNetwork"')],
    [expect.any(Number), "keep one"],
  ]);
});

test("the same VM twice names the first", async () => {
  const path = file("a.yaml", `${VMI}---\n${VMI}`);
  expect(await refused(path)).toEqual([
    expect.objectContaining({ line: 18, problem: expect.stringContaining(`${path}:1`) }),
  ]);
});

test("documents come in any order, as kubectl takes them: a VM, Lists, standard input", async () => {
  const vm = `kind: List\napiVersion: v1\nitems:\n- apiVersion: kubevirt.io/v1\n  kind: VirtualMachine\n  metadata: {name: vm}\n  spec:\n    template:\n      spec:\n${VMI.slice(VMI.indexOf("  domain:")).replace(/^/gm, "      ")}`;
  const { code, stdout } = await netbind(["plan", "-o", "json", "-f", "-"], {
    stdin: `apiVersion: v1\nkind: Service\nmetadata: {name: s}\n---\n${vm}`,
  });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    vm: "default/vm",
    nics: [{ name: "red", assumed: ["pod", "resolvConf"] }],
  });
  // The old key is taken for the plugin of its name first.
  const odd = vm.replace("masquerade: {}", "slirp: {}").replace("pod: {}", "multus: {networkName: red}");
  const bad = await netbind(["plan", "-o", "json", "-f", "-"], { stdin: odd });
  expect(bad.code).toBe(3);
  expect((JSON.parse(bad.stdout) as Refusal).error.violations[0]).toMatchObject({
    field: expect.stringContaining("spec.template.spec."),
    problem: expect.stringContaining("slirp"),
  });
});

test("a text that is not YAML, a file or a VM is refused with its place", async () => {
  expect((await refused(file("a.yaml", "a: [1\nb: 2\n")))[0]).toMatchObject({
    file: join(directory, "a.yaml"),
    line: expect.any(Number),
  });
  expect((await refused(join(directory, "none.yaml")))[0]?.problem).toContain("cannot be read");
  expect((await refused(file("b.yaml", "")))[0]?.problem).toContain("no VirtualMachine");
});

test("a binding that nobody registered is refused with what is registered and the field to set", async () => {
  const [found] = await refused(file("a.yaml", VMI.replace("masquerade: {}", "binding: {name: pasta}")));
  expect(found).toMatchObject({
    field: "spec.domain.devices.interfaces[0].binding.name",
    fix: expect.stringContaining("spec.configuration.network.binding"),
  });
});

test("the command line itself: usage errors, help, no such VM", async () => {
  expect((await netbind(["run"])).code).toBe(2);
  expect((await netbind(["plan", "-f", "x", "-o", "xml"])).code).toBe(2);
  expect((await netbind(["nonsense"])).code).toBe(2);
  const help = await netbind(["run", "--help"]);
  expect([help.code, help.stdout.includes("Examples:"), help.stdout.includes("Exit codes:")]).toEqual([0, true, false]);
  expect((await netbind(["stop", "nope"], { env: { NETBIND_STATE_DIR: directory } })).code).toBe(4);
});

test("the list of commands has each in a group, and no option says a default that is nothing", async () => {
  const { stdout } = await netbind(["--help"]);
  const groups = stdout
    .split("\n\n")
    .map((part) => [part.split("\n")[0], part.match(/^ {2}[a-z][a-z-]*/gm)?.map((name) => name.trim())] as const);
  expect(new Map(groups).get("Check and repair what runs (root):")).toEqual(["check", "apply", "gc"]);
  expect(new Map(groups).get("Check VM documents, without starting anything:")).toEqual([
    "plan",
    "validate",
    "render",
    "explain",
    "convert",
  ]);
  expect(new Map(groups).get("Commands:")).toEqual(["help"]);
  const run = await netbind(["run", "--help"]);
  expect(run.stdout).toContain("(default: 120)");
  expect(run.stdout).not.toMatch(/default: (false|\[\])/);
});

test("names that could become paths are refused, all at once: of volumes, disks, keys, objects and networks", async () => {
  const hostile = VMI.replace(
    "      interfaces:",
    "      disks:\n        - name: ../../x\n          disk: {}\n      interfaces:",
  ).concat("  volumes:\n    - name: ../../x\n      configMap:\n        name: ../y\n");
  const objects = `apiVersion: v1
kind: ConfigMap
metadata: {name: ../files}
data:
  ../../etc/passwd: root
  number: 5
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: ../nad, namespace: a/b}
spec: {config: '{"type": "bridge"}'}
`;
  const found = await refused(file("a.yaml", hostile), file("b.yaml", objects));
  expect(found.map(({ field, problem }) => `${field}: ${problem}`).sort()).toEqual([
    'data.../../etc/passwd: "../../etc/passwd" is not a valid key',
    "data.number: must be a string, and YAML reads 5 as a number",
    'metadata.name: "../files" is not a valid object name',
    'metadata.name: "../nad" is not a valid object name',
    'metadata.namespace: "a/b" is not a valid namespace',
    'spec.domain.devices.disks[0].name: "../../x" is not a valid name of a disk',
    'spec.volumes[0].configMap.name: "../y" is not a valid name of a ConfigMap or Secret',
    'spec.volumes[0].name: "../../x" is not a valid name of a volume',
  ]);
});

const template = (kind: string, spec: string): string =>
  `apiVersion: ${kind === "VirtualMachinePool" ? "pool.kubevirt.io/v1beta1" : "kubevirt.io/v1"}
kind: ${kind}
metadata: {name: many, namespace: lab}
spec:
  replicas: 3
  selector: {matchLabels: {app: a}}
  ${spec}
`;
const OF_TEMPLATE = `template: {spec: {domain: {devices: {interfaces: [{name: a, masquerade: {}}]}}, networks: [{name: a, pod: {}}]}}`;
const TEMPLATES = [
  ["VirtualMachineInstanceReplicaSet", OF_TEMPLATE],
  ["VirtualMachinePool", `virtualMachineTemplate: {spec: {runStrategy: Always, ${OF_TEMPLATE}}}`],
] as const;

test.each(TEMPLATES)(
  "a %s is refused by run and plan, alone or beside a VM, and nothing is started",
  async (kind, spec) => {
    const alone = file("template.yaml", template(kind, spec));
    const env = { NETBIND_STATE_DIR: "/etc/passwd/netbind" };
    for (const command of ["plan", "run"])
      for (const others of [[], ["-f", file("vm.yaml", VMI)]]) {
        const { code, stdout, stderr } = await netbind([command, "-f", alone, ...others], { env });
        expect(code).toBe(3);
        expect(stdout).toBe("");
        expect(stderr).toMatch(
          new RegExp(`template.yaml:2:1: error: \\[ONE-MACHINE\\] ${kind} lab/many: kind: .*one machine`),
        );
        expect(stderr).toContain("fix: write a VirtualMachine with the template's spec");
        expect(stderr).toContain("1 problem");
      }
    expect((await netbind(["validate", "-f", alone])).code).toBe(0);
    expect((await netbind(["render", "-f", alone])).stdout).toContain("kind: Pod");
  },
);

test("a file without an end is read no further than any file is", async () => {
  const { code, stdout } = await netbind(["validate", "-f", "/dev/zero"]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/\/dev\/zero:1:1: error: .*has more than 67108864 bytes\n {4}fix: split the file/);
});
