/** The one way from a document's text to the name of a file. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Vmi } from "@netbind/kubevirt";
import { derivedName, exec, type Exec } from "@netbind/netns";
import { afterEach, beforeEach, expect, test } from "vitest";
import { prepareVolumes } from "../../../core/local/src/launcher/volumes.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-names-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const HOSTILE = ["../../x", "/etc/x", "..", ".", "", "-rf", "a\0b", "a/b", "x".repeat(5000), "__proto__"];

test("whatever the text, the name is a kind and a hash: one component, short, another for each text", () => {
  const names = HOSTILE.map((text) => derivedName("disk", { text }, ".iso"));
  for (const name of names) expect(name).toMatch(/^disk-[0-9a-f]{16}\.iso$/);
  expect(new Set(names).size).toBe(HOSTILE.length);
  expect(derivedName("disk", 3, ".iso")).toBe("disk-3.iso");
});

test("what is not the program's own word throws, and what is not a place in a list too", () => {
  for (const kind of HOSTILE) expect(() => derivedName(kind, 0), kind).toThrow("does not name a kind");
  for (const extension of ["/x", "../x", "iso", ".", ".I"])
    expect(() => derivedName("disk", 0, extension), extension).toThrow();
  for (const at of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 1e9])
    expect(() => derivedName("disk", at)).toThrow("not a valid place");
  expect(() => derivedName("disk", "../x" as never)).toThrow();
});

/** Who runs the tests. */
const ROOT = { uid: 0, gid: 0 };

/** The image's tool, as far as the disk's file goes. */
const makesIso: Exec = async (argv, options) => {
  if (argv[0] === "rm") return exec(argv, options);
  const workspace = argv[argv.indexOf("--bind") + 1] ?? "";
  writeFileSync(join(workspace, "disk.iso"), "iso");
  return "";
};

const vmi = (name: string, files: Readonly<Record<string, string>>) => ({
  vmi: {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: { name: "vm", namespace: "ns" },
    spec: {
      domain: { devices: { disks: [{ name, disk: {} }] } },
      volumes: [{ name, configMap: { name: "files" } }],
    },
  } satisfies Vmi,
  data: { secrets: {}, configMaps: { files } },
});

const prepare = (name: string, files: Readonly<Record<string, string>>) => {
  const pod = join(directory, "vms/0123");
  mkdirSync(join(pod, "disks"), { recursive: true });
  const image = { version: "0", rootfs: "/nowhere" };
  return prepareVolumes({
    ...vmi(name, files),
    exec: makesIso,
    image,
    pod,
    user: ROOT,
    hostDisks: [],
    containerDisks: { disks: [], missing: new Map() },
    preCloudInitIso: async (data) => data,
  });
};

test("a volume that admission let through by whatever name is a disk of its number, and nothing stands elsewhere", async () => {
  const { disks } = await prepare("../../../../x", { "a.txt": "a" });
  expect(disks.map(({ path }) => path)).toEqual(["/disks/made/disk-0.iso"]);
  expect(readdirSync(directory)).toEqual(["vms"]);
  expect(readdirSync(directory, { recursive: true }).filter((path) => String(path).endsWith(".iso"))).toHaveLength(1);
});

test("a key that leads out of the disk's tree is refused before anything of it is written", async () => {
  for (const key of ["../x", "..", ".", "/x", "a/b", ""]) {
    await expect(prepare("v", { [key]: "text" }), key).rejects.toThrow(
      `volume "v": ${JSON.stringify(key)} is not a valid name`,
    );
  }
  expect(readdirSync(directory)).toEqual(["vms"]);
});

test("a volume that names what every object inherits refers to nothing", async () => {
  const asked = vmi("v", {});
  const volumes = [{ name: "v", configMap: { name: "constructor" } }];
  const image = { version: "0", rootfs: "/nowhere" };
  const found = prepareVolumes({
    ...{ ...asked, vmi: { ...asked.vmi, spec: { ...asked.vmi.spec, volumes } } },
    ...{
      exec: makesIso,
      image,
      pod: directory,
      user: ROOT,
      hostDisks: [],
      containerDisks: { disks: [], missing: new Map() },
      preCloudInitIso: async <T>(data: T) => data,
    },
  });
  await expect(found).rejects.toThrow('refers to ConfigMap "constructor", which is not in the input');
});
