/** validate, render and explain, as people call them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { formatVersion, NEWEST_KUBEVIRT } from "@netbind/kubevirt";
import { useNetbind } from "../../support/guest/use-netbind.ts";

const netbind = useNetbind();

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-judging-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

const file = (name: string, text: string): string => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};
const vm = (
  interfaces: string,
  networks = "[{name: default, pod: {}}]",
  annotations = "{}",
): string => `apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: vm}
spec:
  template:
    metadata: {annotations: ${annotations}}
    spec:
      domain:
        devices:
          interfaces: ${interfaces}
      networks: ${networks}
`;
const KUBEVIRT = `apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata: {name: kubevirt}
spec:
  configuration:
    imagePullPolicy: Always
    network:
      binding:
        passt: {sidecarImage: "r/passt:1", migration: {}, computeResourceOverhead: {requests: {memory: 250Mi}}}
        info: {sidecarImage: "r/info:1", downwardAPI: device-info}
`;

/** What data says of the version where nothing names one. */
const NEWEST = { version: formatVersion(NEWEST_KUBEVIRT), from: "newest" };

interface ValidationOutput {
  readonly passed: boolean;
  readonly vms: number;
  readonly violations: readonly {
    readonly rule: string;
    readonly line: number;
    readonly field: string;
    readonly reason: string;
  }[];
  readonly warnings: readonly { readonly rule: string; readonly consequence: string }[];
  readonly notChecked: readonly string[];
}
const validate = async (
  args: readonly string[],
  stdin?: string,
): Promise<{ readonly output: ValidationOutput; readonly code: number | null }> => {
  const { stdout, code } = await netbind(["validate", "-o", "json", ...args], stdin === undefined ? {} : { stdin });
  return { output: JSON.parse(stdout) as ValidationOutput, code };
};

describe("validate", () => {
  test("a good VM passes, alone and from standard input", async () => {
    const good = vm("[{name: default, masquerade: {}}]");
    expect(await validate(["-f", file("good.yaml", good)])).toEqual({
      output: { passed: true, kubevirt: NEWEST, vms: 1, violations: [], warnings: [], ignored: [], notChecked: [] },
      code: 0,
    });
    expect((await validate(["-f", "-"], good)).code).toBe(0);
  });

  test("all that is wrong is reported at once, each with its line, in the order of the lines", async () => {
    const bad = vm(
      "[{name: default, masquerade: {}, ports: [{port: 0}, {port: 1, protocol: tcp}],\n            macAddress: zz}, {name: blue, slirp: {}}]",
    );
    const { output, code } = await validate(["-f", file("bad.yaml", bad)]);
    expect(code).toBe(1);
    expect(
      output.violations.map(({ rule, line, field }) => [
        rule,
        line,
        field.replace("spec.template.spec.domain.devices.", ""),
      ]),
    ).toEqual([
      ["PORT-3", 10, "interfaces[0].ports[0].port"],
      ["PORT-5", 10, "interfaces[0].ports[1].protocol"],
      ["IF-4", 11, "interfaces[0].macAddress"],
      ["MAP-2", 11, "interfaces[1].name"],
      // That no binding is left beside it is the same mistake.
      ["DISC-1", 11, "interfaces[1].slirp"],
    ]);
  });

  test("what is registered is held against what bindings say; run and plan refuse two owners of one namespace alike", async () => {
    const registered = (name: string, plugin: string): string =>
      `apiVersion: kubevirt.io/v1\nkind: KubeVirt\nmetadata: {name: kubevirt}\nspec: {configuration: {network: {binding: {${name}: {sidecarImage: i, ${plugin}}}}}}\n`;
    const of = (name: string, plugin: string): string =>
      `${vm(`[{name: default, binding: {name: ${name}}}]`)}---\n${registered(name, plugin)}`;
    const rules = async (name: string, plugin: string): Promise<readonly string[]> => {
      const { output, code } = await validate(["-f", "-"], of(name, plugin));
      expect([code, output.violations]).toEqual([0, []]);
      return output.warnings.map(({ rule, consequence }) => `${rule} ${consequence}`);
    };
    expect(await rules("bridge", "domainAttachmentType: tap, migration: {}")).toEqual(["REG-9 ignored"]);
    expect(await rules("slirp", "migration: {}")).toEqual(["REG-9 ignored"]);
    expect(await rules("masquerade", "domainAttachmentType: tap")).toEqual(["REG-9 ignored"]);
    expect(await rules("passt", "migration: {method: link-refresh}")).toEqual([]);
    expect(await rules("bridge", "domainAttachmentType: managedTap")).toEqual(["REG-8 neverStarts"]);
    const managed = of("masquerade", "domainAttachmentType: managedTap, migration: {}");
    const problem =
      'binding "masquerade" is registered with domainAttachmentType: managedTap, so KubeVirt wires the NIC';
    for (const command of [["plan"], ["run", "--keep"]]) {
      const { code, stderr } = await netbind([...command, "-f", "-"], { stdin: managed });
      expect([code, stderr.includes(problem)], stderr).toEqual([3, true]);
    }
  });

  test("what would stay Pending is a warning, which fails where it is asked to", async () => {
    const path = file("pending.yaml", vm("[{name: default, binding: {name: paast}}]"));
    const warned = await validate(["-f", path]);
    expect(warned).toMatchObject({
      code: 0,
      output: { passed: true, violations: [], warnings: [{ rule: "REG-1", consequence: "pending" }] },
    });
    expect((await validate(["--strict", "-f", path])).code).toBe(1);
    expect(
      (
        await validate([
          "--strict",
          "-f",
          file("good-passt.yaml", vm("[{name: default, binding: {name: passt}}]")),
          "-f",
          file("cr.yaml", KUBEVIRT),
        ])
      ).code,
    ).toBe(0);
  });

  test("the version decides: slirp was refused for its permission once, and for its key later", async () => {
    const path = file("slirp.yaml", vm("[{name: default, slirp: {}}]"));
    const rules = async (version: string): Promise<readonly string[]> =>
      (await validate(["--kubevirt-version", version, "-f", path])).output.violations.map(({ rule }) => rule);
    expect(await rules("1.2")).toEqual(["OLD-2"]);
    expect(await rules("v1.4.1")).toEqual(["DISC-1"]);
    expect(await rules("1.8")).toEqual(["DISC-1"]);
    expect((await netbind(["validate", "--kubevirt-version", "2.0", "-f", path])).code).toBe(2);
    expect(
      (await validate(["--kubevirt-version", "1.8", "--operation", "update", "-f", path])).output.violations,
    ).toEqual([]);
  });

  test("templates of sets and pools are judged at their own paths", async () => {
    const spec = "{domain: {devices: {interfaces: [{name: a, masquerade: {}}]}}, networks: [{name: b, pod: {}}]}";
    const set = `apiVersion: kubevirt.io/v1\nkind: VirtualMachineInstanceReplicaSet\nmetadata: {name: s}\nspec: {template: {spec: ${spec}}}\n`;
    const pool = `apiVersion: pool.kubevirt.io/v1alpha1\nkind: VirtualMachinePool\nmetadata: {name: p}\nspec: {virtualMachineTemplate: {spec: {template: {spec: ${spec}}}}}\n`;
    const { output } = await validate(["-f", file("templates.yaml", `${set}---\n${pool}`)]);
    expect(output.vms).toBe(2);
    expect(output.violations.map(({ field }) => field)).toEqual([
      "spec.template.spec.domain.devices.interfaces[0].name",
      "spec.template.spec.networks[0].name",
      "spec.virtualMachineTemplate.spec.template.spec.domain.devices.interfaces[0].name",
      "spec.virtualMachineTemplate.spec.template.spec.networks[0].name",
    ]);
  });

  test("what templates leave behind is read: documents of comments alone, and names that the cluster makes up", async () => {
    const text = `---\n# Source: chart/templates/none.yaml\n---\n---\n${vm("[{name: default, masquerade: {}}]").replace("{name: vm}", "{generateName: vm-}")}`;
    expect(await validate(["-f", "-"], `${text}---\n${text}# the end\n`)).toEqual({
      output: { passed: true, kubevirt: NEWEST, vms: 2, violations: [], warnings: [], ignored: [], notChecked: [] },
      code: 0,
    });
  });

  test("clones and migrations of VMs are judged too, alone or beside their VM; run wants a VM", async () => {
    const clone = `apiVersion: clone.kubevirt.io/v1beta1\nkind: VirtualMachineClone\nmetadata: {name: c}\nspec:\n  newMacAddresses:\n    default: zz\n`;
    const move = (name: string): string =>
      `apiVersion: kubevirt.io/v1\nkind: VirtualMachineInstanceMigration\nmetadata: {generateName: m-}\nspec: {vmiName: ${name}}\n`;
    const text = `${clone}---\n${move("vm")}---\n${move("other")}---\n${vm("[{name: default, bridge: {}}]")}`;
    const { output, code } = await validate(["-f", "-"], text);
    expect([code, output.vms]).toEqual([1, 1]);
    expect(output.violations.map(({ rule, line, field }) => `${line} ${rule} ${field}`)).toEqual([
      "6 CLONE-1 spec.newMacAddresses.default",
      "11 MIG-1 spec.vmiName",
    ]);
    const alone = file("move.yaml", move("vm"));
    expect((await validate(["-f", alone])).code).toBe(0);
    expect((await netbind(["plan", "-f", alone])).stderr).toContain("the input has no VirtualMachine");
    const shapeless = file("shapeless.yaml", `${clone.replace("default: zz", "default: 1")}---\n${move("{}")}`);
    expect((await validate(["-f", shapeless])).output.violations.map(({ field }) => field)).toEqual([
      "spec.newMacAddresses.default",
      "spec.vmiName",
    ]);
  });

  test("people read a line for what is wrong and one for what to do", async () => {
    const path = file("text.yaml", vm("[{name: default, bridge: {}, ports: [{port: 80}], macAddress: zz}]"));
    const { stdout, code } = await netbind(["validate", "-f", path]);
    expect(code).toBe(1);
    expect(stdout).toContain(
      `${path}:10:73: error: [IF-4] VirtualMachine default/vm: spec.template.spec.domain.devices.interfaces[0].macAddress: "zz" is not a valid MAC address\n    fix: `,
    );
    expect(stdout).toContain(
      "warning: accepted, but without the intended effect: [FIELD-2] VirtualMachine default/vm: ",
    );
    expect(stdout).toMatch(/1 VM: 1 violation, 1 warning\n$/);
  });
});

describe("render", () => {
  interface Shown {
    readonly metadata: { readonly annotations: Record<string, string> };
    readonly spec: {
      readonly containers: readonly {
        readonly name: string;
        readonly image?: string;
        readonly volumeMounts?: readonly { readonly name: string }[];
      }[];
      readonly volumes: readonly { readonly name: string }[];
    };
  }

  test("the pod as the cluster would create it: sidecars of plugins by name, none of KubeVirt's own bindings", async () => {
    const path = file(
      "render.yaml",
      vm(
        "[{name: default, binding: {name: passt}}, {name: blue, bridge: {}}, {name: red, binding: {name: info}}]",
        "[{name: default, pod: {}}, {name: blue, multus: {networkName: net}}, {name: red, multus: {networkName: o/net}}]",
        "{a: b}",
      ),
    );
    const { stdout, code } = await netbind(["render", "-f", path, "-f", file("cr2.yaml", KUBEVIRT)]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^# networking adds 262144000 bytes/);
    const pod = parse(stdout) as Shown;
    expect(pod.spec.containers.map(({ name, image }) => [name, image])).toEqual([
      ["compute", undefined],
      ["hook-sidecar-0", "r/info:1"],
      ["hook-sidecar-1", "r/passt:1"],
    ]);
    expect(pod.spec.containers[1]?.volumeMounts?.map(({ name }) => name)).toEqual([
      "hook-sidecar-sockets",
      "network-info-annotation",
    ]);
    expect(pod.spec.volumes.map(({ name }) => name)).toEqual(["hook-sidecar-sockets", "network-info-annotation"]);
    expect(JSON.parse(pod.metadata.annotations["k8s.v1.cni.cncf.io/networks"] ?? "")).toEqual([
      { name: "net", namespace: "default", interface: "pod16477688c0e" },
      { name: "net", namespace: "o", interface: "podb1f51a511f1" },
    ]);
    expect(pod.metadata.annotations).toMatchObject({ a: "b" });
  });

  test("what could not start is refused, of all VMs at once; what is not registered only without fallback", async () => {
    const bad = vm("[{name: default, slirp: {}}]");
    const refused = await netbind([
      "render",
      "-f",
      file("a.yaml", bad),
      "-f",
      file("b.yaml", bad.replace("name: vm}", "name: b}")),
    ]);
    expect(refused.code).toBe(3);
    expect(refused.stderr.match(/removed the core binding slirp/g)).toHaveLength(2);
    const masquerade = file("m.yaml", vm("[{name: default, binding: {name: masquerade}}]"));
    expect((await netbind(["render", "--image-fallback", "Never", "-f", masquerade])).code).toBe(3);
    expect((await netbind(["render", "-f", masquerade])).stdout).toContain("hook-sidecar-0");
  });
});

test("each command asks the version that the KubeVirt CR's status names, unless the command line names another", async () => {
  const observed = file("observed.yaml", `${KUBEVIRT}status: {observedKubeVirtVersion: v1.4.1}\n`);
  // Until 1.4 a plugin takes a feature gate.
  const path = file("gated.yaml", vm("[{name: default, binding: {name: passt}}]"));
  const call = (command: string, ...more: readonly string[]) => netbind([command, "-f", path, "-f", observed, ...more]);
  for (const [command, code] of [
    ["validate", 1],
    ["render", 3],
    ["plan", 3],
    ["run", 3],
  ] as const) {
    const { stdout, stderr, code: ended } = await call(command);
    expect(`${stdout}${stderr}`).toContain("[OLD-8]");
    expect(stderr.replaceAll(/\n +/g, " ")).toContain("v1.4.1; the rules of 1.4 are asked");
    expect(ended).toBe(code);
  }
  const names = { text: "v1.4.1", file: observed, line: 11 };
  for (const command of ["validate", "render", "plan"]) {
    const { stdout, stderr, code } = await call(command, "--kubevirt-version", "1.9", "-o", "json");
    expect(stderr.replaceAll(/\n +/g, " ")).toContain("v1.4.1; the rules of 1.9 are asked, by --kubevirt-version");
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ kubevirt: { version: "1.9", from: "option", observed: names } });
  }
  const { stdout } = await call("validate", "-o", "yaml");
  expect(parse(stdout)).toMatchObject({ kubevirt: { version: "1.4", from: "status", observed: names } });
});

test("what older versions admit and nothing attaches is refused, and what today's make of an older VM is not asked old rules", async () => {
  const older = ["--kubevirt-version", "1.2", "-f"] as const;
  const unbound = await netbind(["plan", ...older, file("unbound.yaml", vm("[{name: default}]"))]);
  expect(unbound.stderr).toContain("[BIND-5]");
  expect(unbound.code).toBe(3);
  expect((await netbind(["plan", ...older, file("old.yaml", vm("[{name: default, slirp: {}}]"))])).code).toBe(0);
});

test("a VM whose preference is not in the input passes, and what starts it says which object is wanted", async () => {
  const path = file(
    "preferred.yaml",
    vm("[{name: default}]").replace("spec:\n", "spec:\n  preference: {name: fedora}\n"),
  );
  const { output, code } = await validate(["-f", path]);
  expect({ code, ...output }).toMatchObject({ code: 0, passed: true, violations: [], warnings: [] });
  expect(output.notChecked).toEqual([
    expect.stringContaining("no VirtualMachineClusterPreference fedora in the input"),
  ]);
  const plan = await netbind(["plan", "-f", path]);
  expect(plan.code).toBe(3);
  expect(plan.stderr).toContain("fix: add the VirtualMachineClusterPreference fedora, which may give it one");
  const preference = file(
    "fedora.yaml",
    "apiVersion: instancetype.kubevirt.io/v1\nkind: VirtualMachineClusterPreference\nmetadata: {name: fedora}\nspec: {devices: {preferredInterfaceMasquerade: {}, preferredInterfaceModel: e1000e}}\n",
  );
  for (const command of ["plan", "render"]) {
    const { stdout, code: ended, stderr } = await netbind([command, "-f", path, "-f", preference]);
    expect(ended, stderr).toBe(0);
    if (command === "plan") expect(stdout).toContain("e1000e");
  }
});

test("every command that reads documents warns of a key that is written twice, with its line", async () => {
  const path = file(
    "twice.yaml",
    vm("[{name: default, masquerade: {}}]").replace("metadata: {name: vm}", "metadata: {name: no, name: vm}"),
  );
  for (const command of ["validate", "plan", "render", "convert"]) {
    const { stdout, stderr, code } = await netbind([command, "-f", path]);
    expect(code, command).toBe(0);
    expect(command === "validate" ? stdout : stderr).toContain(
      `${path}:3:22: warning: accepted, but one of the two values is lost: [DUPLICATE-KEY] `,
    );
  }
  const ignored = await netbind(["plan", "--ignore", "DUPLICATE-KEY", "-f", path]);
  expect(ignored.stderr).not.toContain("is lost");
  expect(ignored.stderr).toContain("1 ignored: DUPLICATE-KEY");
});

describe("plan", () => {
  test("this release's own bindings serve what is not registered as far as --image-fallback says, as on a cluster", async () => {
    const plan = async (binding: string, policy: string, ...more: readonly string[]) =>
      netbind([
        "plan",
        "-f",
        file(`${binding}.yaml`, vm(`[{name: default, binding: {name: ${binding}}}]`)),
        "--image-fallback",
        policy,
        ...more,
      ]);
    for (const [binding, policy, code] of [
      ["masquerade", "Always", 0],
      ["masquerade", "SlirpOnly", 3],
      ["slirp", "SlirpOnly", 0],
      ["slirp", "Never", 3],
    ] as const) {
      const answer = await plan(binding, policy);
      expect(answer.code, `${binding} ${policy}: ${answer.stderr}`).toBe(code);
      if (code !== 0) expect(answer.stderr).toContain("the image fallback policy does not permit this release's own");
    }
    const registered = file("registered.yaml", KUBEVIRT);
    expect((await plan("passt", "Never", "-f", registered)).code).toBe(0);
    const run = await netbind([
      "run",
      "-f",
      file("run.yaml", vm("[{name: default, binding: {name: slirp}}]")),
      "--image-fallback",
      "Never",
    ]);
    expect(run.code).toBe(3);
    expect(run.stderr).toContain("the image fallback policy does not permit this release's own");
    expect((await plan("slirp", "Sometimes")).code).toBe(2);
  });

  test("what a binding costs beside the guest, and what a cluster would keep for it", async () => {
    const path = file("plan.yaml", vm("[{name: default, binding: {name: passt}}]"));
    const memory = async (cr: string): Promise<readonly string[]> => {
      const { stdout, stderr, code } = await netbind(["plan", "-f", path, "-f", file("plan-cr.yaml", cr)]);
      expect(code, stderr).toBe(0);
      return stdout.split("\n").filter((line) => line.startsWith("memory: "));
    };
    const needed = "memory: the bindings need 250 MiB beside the guest's";
    expect(await memory(KUBEVIRT)).toEqual([needed]);
    const [first, second] = await memory(KUBEVIRT.replace("memory: 250Mi", "memory: 100Mi"));
    expect(first).toBe(needed);
    expect(second).toMatch(/^memory: a cluster reserves 100 MiB .*computeResourceOverhead/);
  });
});

describe("explain", () => {
  test("a rule, a binding, a field; a family of rules; everything", async () => {
    expect((await netbind(["explain", "net-1"])).stdout).toMatch(
      /^NET-1: .*\n {2}why:.*\n {2}fix:.*\n {2}versions: every version\n {2}breaks:.*\n {2}KubeVirt: /,
    );
    expect((await netbind(["explain", "passt"])).stdout).toMatch(/^binding passt: [\s\S]*interfaces\[\]\.passt: /);
    expect((await netbind(["explain", "interfaces[0].macAddress"])).stdout).toMatch(
      /^spec\.domain\.devices\.interfaces\[\]\.macAddress: /,
    );
    expect(JSON.parse((await netbind(["explain", "range", "-o", "json"])).stdout)).toMatchObject({
      rules: { length: 9 },
    });
    expect((await netbind(["explain"])).stdout).toContain("BIND-2");
    expect(await netbind(["explain", "nothing"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no rule, binding, field or error code is named"),
    });
  });
});
