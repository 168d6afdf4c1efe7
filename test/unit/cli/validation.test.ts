/** netbind validate, as people call it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatVersion, NEWEST_KUBEVIRT } from "@netbind/kubevirt";
import { useNetbind } from "../../support/guest/use-netbind.ts";
import { KUBEVIRT, vmText as vm } from "../../support/cases/vm-text.ts";

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
