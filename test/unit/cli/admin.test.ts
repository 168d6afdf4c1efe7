/** Where the administrator has files of his own, files of VMs define nothing that decides about the machine or other VMs. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadInput, loadSurroundings } from "../../../core/cli/src/input/load-input.ts";
import type { Outcome } from "../../support/guest/netbind.ts";
import { useNetbind } from "../../support/guest/use-netbind.ts";

const netbind = useNetbind();

const NAD = { apiVersion: "k8s.cni.cncf.io/v1", kind: "NetworkAttachmentDefinition", metadata: { name: "blue" } };
const nadOf = (bridge: string): object => ({
  ...NAD,
  spec: { config: JSON.stringify({ cniVersion: "1.0.0", name: "blue", type: "bridge", bridge }) },
});
const CR = {
  ...{ apiVersion: "kubevirt.io/v1", kind: "KubeVirt", metadata: { name: "kubevirt", namespace: "kubevirt" } },
  spec: { configuration: { network: { binding: { mine: { domainAttachmentType: "tap" } } } } },
};
const DEVICES = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "macvtap-deviceplugin-config" },
  data: { DP_MACVTAP_CONF: "[]" },
};
const SRIOV = { ...DEVICES, metadata: { name: "sriovdp-config", namespace: "other" }, data: { "config.json": "{}" } };
const OWN = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "own" }, data: { a: "b" } };
const VMI = {
  ...{ apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstance", metadata: { name: "one" } },
  spec: {
    domain: { resources: { requests: { memory: "64Mi" } }, devices: { interfaces: [{ name: "blue", bridge: {} }] } },
    networks: [{ name: "blue", multus: { networkName: "blue" } }],
  },
};

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-admin-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Writes objects into a file, as a List or one by one. */
function file(name: string, objects: readonly object[], asList = false): string {
  const path = join(directory, name);
  const list = { apiVersion: "v1", kind: "List", items: objects };
  writeFileSync(
    path,
    asList ? JSON.stringify(list, null, 2) : objects.map((object) => JSON.stringify(object, null, 2)).join("\n---\n"),
  );
  return path;
}

const both = ({ stdout, stderr }: Outcome): string => stdout + stderr;

describe.each([false, true])("objects in a List: %s", (asList) => {
  test.each(["validate", "plan", "render", "run"])(
    "%s refuses each of them in a file of VMs, with its place",
    async (command) => {
      const vms = file("vms.yaml", [VMI, CR, nadOf("own0"), DEVICES, SRIOV, OWN], asList);
      const admin = file("admin.yaml", [nadOf("theirs0")], asList);
      const refused = await netbind([command, "-f", vms, "--admin", admin], {
        env: { NETBIND_STATE_DIR: "/etc/passwd/netbind" },
      });
      expect(refused.code).toBe(command === "validate" ? 1 : 3);
      for (const kind of ["KubeVirt", "NetworkAttachmentDefinition", "ConfigMap"])
        expect(both(refused)).toContain(
          `kind: a ${kind} must come from the administrator, and this file is not one of --admin`,
        );
      expect(both(refused).match(/vms\.yaml:\d+:\d+: .*must come from the administrator/g)).toHaveLength(4);
    },
  );
});

test("what the administrator's files say counts, and with none the files of VMs are trusted as ever", async () => {
  const vms = file("only.yaml", [VMI, OWN]);
  const planned = await netbind([
    "plan",
    "-f",
    vms,
    "--admin",
    file("nads.yaml", [nadOf("theirs0"), CR, DEVICES]),
    "-o",
    "json",
  ]);
  expect(planned.code, planned.stderr).toBe(0);
  expect(planned.stdout).toContain("theirs0");
  const trusted = await netbind(["plan", "-f", file("all.yaml", [VMI, CR, nadOf("own0"), DEVICES]), "-o", "json"]);
  expect(trusted.code, trusted.stderr).toBe(0);
});

test("nothing of a refused object is read: neither its networks, nor its registrations, nor its devices", () => {
  const filename = [file("vm.yaml", [VMI, CR, nadOf("own0"), DEVICES, OWN])];
  for (const load of [loadInput, loadSurroundings]) {
    const { nads, configuration, deviceSettings, violations, dataOf } = load({
      filename,
      admin: [file("empty.yaml", [])],
    });
    expect([nads, configuration.network, deviceSettings, violations.length]).toEqual([[], undefined, {}, 3]);
    expect(dataOf("default").configMaps).toEqual({ own: { a: "b" } });
  }
});

test("the help of each command that reads such objects tells of --admin", async () => {
  for (const command of ["run", "plan", "validate", "render", "attach-nic"])
    expect((await netbind([command, "--help"])).stdout.replace(/\s+/g, " ")).toMatch(
      /--admin <file> a file, or a directory of files, of the administrator, .*come from these files only, and are refused in the files of -f/,
    );
  const twice = await netbind(["plan", "-f", "-", "--admin", "-"], { stdin: JSON.stringify(VMI) });
  expect([twice.code, twice.stderr]).toEqual([2, expect.stringContaining("standard input can be read only once")]);
});
