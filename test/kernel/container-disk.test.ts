/** Container disks out of images that anybody may have made: from a registry on loopback, and from files. */
import { createHash, randomBytes } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Vmi } from "@netbind/kubevirt";
import { exec } from "@netbind/netns";
import { beforeEach, expect, test } from "vitest";
import {
  cachedDiskPath,
  type CachedDisk,
  ensureContainerDisk,
} from "../../core/local/src/images/container-disk-cache.ts";
import { readImageSource } from "../../core/local/src/images/image-source.ts";
import { fetchContainerDisks } from "../../core/local/src/launcher/container-disks.ts";
import { UnreachableRegistryError } from "../../core/local/src/images/errors.ts";
import { netbind } from "../support/guest/netbind.ts";
import { useImageLab } from "../support/images/image-lab.ts";
import { type Entry, type LayoutImage, tarOf, writeLayout } from "../support/images/oci-layout.ts";
import { KNOWN_USER, Registry } from "../support/images/registry.ts";

const DISK = Buffer.alloc(70_000, "disk of a test ");
const FILE: Entry = { name: "disk/disk.img", content: DISK };

const lab = useImageLab("container-disks");
let said: string[];
beforeEach(() => {
  said = [];
});

interface Wanted {
  readonly path?: string;
  readonly pullPolicy?: string;
  readonly signal?: AbortSignal;
  readonly into?: string;
}

const fetch = (
  image: string,
  { into = lab().cache, signal = new AbortController().signal, ...wanted }: Wanted = {},
): Promise<CachedDisk> =>
  ensureContainerDisk(
    { exec, cache: into, progress: (line) => said.push(line), signal },
    { source: readImageSource(image, { directories: [lab().directory], own: [] }), ...wanted },
  );
const contentOf = ({ base }: CachedDisk): Buffer => readFileSync(cachedDiskPath(lab().cache, base));
const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
const blobOf = (name: string): string =>
  join(lab().registry.storage, "docker/registry/v2/blobs/sha256", name.slice(0, 2), name, "data");

async function pushed(
  name: string,
  layers: readonly (readonly Entry[])[],
  more: Omit<LayoutImage, "layers"> = {},
): Promise<string> {
  const { layout, digest } = await lab().write(layers, more);
  await lab().registry.push(layout, "image", name);
  return digest;
}

test("from a registry: by tag and by digest, pulled once, kept by digest, read by everybody and written by nobody", async () => {
  const digest = await pushed("some/disk:1", [[FILE]]);
  const disk = await fetch(`${lab().registry.host}/some/disk:1`);
  expect(disk).toMatchObject({ format: "raw", virtualSize: 70_144 });
  expect(contentOf(disk).subarray(0, DISK.length)).toEqual(DISK);
  expect(statSync(cachedDiskPath(lab().cache, disk.base)).mode & 0o777).toBe(0o444);
  expect(said).toContain(`pulling the container disk ${lab().registry.host}/some/disk:1`);
  said = [];
  expect(await fetch(`docker://${lab().registry.host}/some/disk@${digest}`)).toEqual(disk);
  expect(await fetch(`${lab().registry.host}/some/disk:1`)).toEqual(disk);
  expect(said).toEqual([]);
  expect(
    lab()
      .left()
      .filter((name) => name.startsWith("disk-")),
  ).toEqual([disk.base]);
});

test("a tag that moves is asked for again, and one that does not is not; Never takes what is there alone", async () => {
  await pushed("moving", [[FILE]]);
  const first = await fetch(`${lab().registry.host}/moving`);
  await pushed("moving", [[{ ...FILE, content: "another" }]]);
  expect((await fetch(`${lab().registry.host}/moving`, { pullPolicy: "IfNotPresent" })).base).toBe(first.base);
  expect((await fetch(`${lab().registry.host}/moving`, { pullPolicy: "Never" })).base).toBe(first.base);
  const second = await fetch(`${lab().registry.host}/moving`);
  expect(second.base).not.toBe(first.base);
  await expect(fetch(`${lab().registry.host}/never`, { pullPolicy: "Never" })).rejects.toThrow(
    "imagePullPolicy is Never",
  );
});

test("from files of a listed directory, whatever the compression and the form", async () => {
  for (const compression of ["none", "gzip", "zstd"] as const)
    expect(
      contentOf(await fetch(await lab().layoutOf([[FILE]], { compression })))
        .subarray(0, 9)
        .toString(),
    ).toBe("disk of a");
  const layout = await lab().layoutOf([[FILE]]);
  for (const form of ["oci-archive", "docker-archive"]) {
    const archive = `${form}:${join(lab().directory, `${form}.tar`)}:some/disk:1`;
    await exec(["skopeo", "--insecure-policy", "copy", "-q", layout, archive]);
    expect(
      contentOf(await fetch(archive))
        .subarray(0, 9)
        .toString(),
      form,
    ).toBe("disk of a");
  }
  expect(() => readImageSource("oci:/etc/x:image", { directories: [lab().directory], own: [] })).toThrow(
    "in no directory",
  );
  expect(() => readImageSource(`oci:${lab().directory}/../x`, { directories: [lab().directory], own: [] })).toThrow(
    "without . and ..",
  );
});

test("a link in a listed directory leads out of it for nobody", async () => {
  const outside = mkdtempSync("/var/tmp/netbind-outside-");
  try {
    writeLayout(join(outside, "layout"), { layers: [await tarOf([FILE])] });
    symlinkSync(join(outside, "layout"), join(lab().directory, "link"));
    await expect(fetch(`oci:${lab().directory}/link:image`)).rejects.toThrow("is not there");
  } finally {
    rmSync(outside, { recursive: true });
  }
});

test("what no image is named like is refused before anything is run", () => {
  for (const image of [
    "",
    "-v",
    "a b",
    "../x",
    "a/../b",
    "x@sha256:1",
    "x@sha256:1@y",
    "--help",
    "http://x/y",
    "dir:/etc",
    "x:y:z",
    "a\0b",
    "x".repeat(2000),
  ])
    expect(() => readImageSource(image, { directories: ["/"], own: [] }), image).toThrow("is not a valid image");
});

test("run and plan refuse what no image can be named like, where it stands, all at once, and begin nothing", async () => {
  const images = [`oci:${lab().directory}/../x`, "oci:/etc/x", "a b", "quay.io/x/y:1"];
  const names = images.map((_, at) => `d${at}`);
  const vm = {
    ...{ apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstance", metadata: { name: "one" } },
    spec: {
      domain: { devices: { disks: names.map((name) => ({ name, disk: {} })) } },
      volumes: images.map((image, at) => ({
        name: names[at],
        containerDisk: { image, path: at === 3 ? "../x" : "/d" },
      })),
    },
  };
  const env = { NETBIND_STATE_DIR: join(lab().directory, "state"), NETBIND_CACHE_DIR: lab().cache };
  for (const command of ["run", "plan"]) {
    const { code, stderr } = await netbind([command, "-f", "-", "--host-disk", lab().directory], {
      env,
      stdin: JSON.stringify(vm),
    });
    expect(code, stderr).toBe(3);
    for (const text of [
      "without . and ..",
      "in no directory that --host-disk lists",
      "is not a valid image",
      "is not a valid path of a disk",
    ])
      expect(stderr).toContain(text);
    expect(stderr).toContain("spec.volumes[3].containerDisk.path");
  }
  expect(readdirSync(lab().directory)).toEqual([]);
  expect(() => readImageSource(`oci:${lab().cache}/x`, { directories: [lab().directory], own: [lab().cache] })).toThrow(
    "Netbind's own",
  );
});

const DIRECTORY: Entry = { name: "disk", type: "directory" };
const link = (name: string, linkname: string): Entry => ({ name, type: "symlink", linkname });

test.each<[string, readonly (readonly Entry[])[], string, string?]>([
  ["no disk at all", [[{ name: "etc/passwd" }]], "has no file at /disk"],
  ["an empty directory", [[DIRECTORY]], "has no file at /disk"],
  ["two disks", [[FILE, { name: "disk/b.img" }]], "has 2 files at /disk"],
  [
    "a link in place of the disk",
    [[DIRECTORY, link("disk/disk.img", "/etc/shadow")]],
    "is a symlink, not a regular file",
  ],
  ["a hard link", [[{ name: "x" }, { name: "disk/a", type: "link", linkname: "x" }]], "is a link, not a regular file"],
  ["a device", [[{ name: "disk/a", type: "block-device", devmajor: 8 }]], "is a block-device, not a regular file"],
  ["a link in place of the directory", [[link("disk", "/etc")], [FILE]], "is a link or a device"],
  ["a name that leads out", [[{ name: "disk/../../etc/disk.img" }]], "has no file at /disk"],
  ["a disk that a later layer removed", [[FILE], [{ name: "disk/.wh.disk.img" }]], "has no file at /disk"],
  ["a directory that a later layer removed", [[FILE], [{ name: ".wh.disk" }]], "has no file at /disk"],
  ["a directory that a later layer emptied", [[FILE], [{ name: "disk/.wh..wh..opq" }]], "has no file at /disk"],
  ["a file in place of the directory", [[FILE], [{ name: "disk", content: "" }]], "from 1 to"],
  ["another file than the volume names", [[FILE]], "has no file at /other/disk.img", "/other/disk.img"],
  ["a path that leads out", [[FILE]], "is not a valid path of a disk", "/disk/../etc"],
  ["a disk of nothing", [[{ name: "disk/a", content: "" }]], "from 1 to"],
  [
    "VMware's format",
    [
      [
        {
          name: "disk/a",
          content: Buffer.concat([
            Buffer.from('# Disk DescriptorFile\nversion=1\ncreateType="monolithicFlat"\nRW 1 FLAT "/etc/passwd" 0\n'),
            Buffer.alloc(2000),
          ]),
        },
      ],
    ],
    "its disk",
  ],
])("refused, with its reason, and nothing is left: %s", async (_, layers, reason, path) => {
  await expect(fetch(await lab().layoutOf(layers), path === undefined ? {} : { path })).rejects.toThrow(reason);
  expect(lab().left()).toEqual([]);
});

test("what later layers put there counts, in whatever way its name is written", async () => {
  const disk = await fetch(
    await lab().layoutOf([
      [{ name: "./disk/old.img", content: "old" }],
      [{ name: "disk/.wh.old.img" }, { name: "/disk/new.img", content: "new" }],
    ]),
  );
  expect(contentOf(disk).subarray(0, 3).toString()).toBe("new");
  const named = await fetch(await lab().layoutOf([[FILE, { name: "images/b.img", content: "b" }]]), {
    path: "/images/b.img",
  });
  expect(contentOf(named).subarray(0, 1).toString()).toBe("b");
});

test("a qcow2 that is whole is taken; one that refers to another file is refused", async () => {
  const file = join(lab().directory, "a.qcow2");
  const create = (...args: readonly string[]): Promise<string> =>
    exec(["qemu-img", "create", "-q", "-f", "qcow2", ...args]);
  await create(file, "10M");
  expect(await fetch(await lab().layoutOf([[{ ...FILE, content: readFileSync(file) }]]))).toMatchObject({
    format: "qcow2",
    virtualSize: 10 * 1024 ** 2,
  });
  writeFileSync(join(lab().directory, "below"), Buffer.alloc(4096));
  const before = lab().left();
  await create("-b", "/etc/shadow", "-F", "raw", "-u", file, "10M");
  await expect(fetch(await lab().layoutOf([[{ ...FILE, content: readFileSync(file) }]]))).rejects.toThrow(
    "refers to another file",
  );
  await create("-o", `data_file=${join(lab().directory, "data")},data_file_raw=on`, file, "10M");
  await expect(fetch(await lab().layoutOf([[{ ...FILE, content: readFileSync(file) }]]))).rejects.toThrow(/its disk/);
  await create(file, "1T");
  await expect(fetch(await lab().layoutOf([[{ ...FILE, content: readFileSync(file) }]]))).rejects.toThrow(
    "bytes for a guest",
  );
  expect(lab().left()).toEqual(before);
});

test("another architecture's image, in an index or alone; this one's is found in an index", async () => {
  const alone = await lab().layoutOf([[FILE]], { architecture: "arm64" });
  const listed = await lab().layoutOf([[FILE]], { architecture: "arm64", index: ["arm64", "s390x"] });
  await expect(fetch(alone)).rejects.toThrow("it is for linux/arm64, and this machine needs linux/amd64");
  await expect(fetch(listed)).rejects.toThrow("it is for linux/arm64, linux/s390x");
  await pushed("both:1", [[FILE]], { index: ["amd64"] });
  expect(
    contentOf(await fetch(`${lab().registry.host}/both:1`))
      .subarray(0, 4)
      .toString(),
  ).toBe("disk");
});

test("a registry that does not answer, that does not have it, and that refuses, each with its own words", async () => {
  await expect(fetch("127.0.0.1:1/x/y:1")).rejects.toBeInstanceOf(UnreachableRegistryError);
  await expect(fetch("registry.invalid/x/y:1")).rejects.toBeInstanceOf(UnreachableRegistryError);
  await expect(fetch(`${lab().registry.host}/none:1`)).rejects.toThrow("is not there");
  // Nobody has this user's password.
  await using closed = await Registry.start({ htpasswd: `test:$2y$05$${"a".repeat(53)}` });
  process.env["SSL_CERT_FILE"] = closed.certificate;
  await expect(fetch(`${closed.host}/x:1`)).rejects.toThrow("its registry refuses it");
  process.env["SSL_CERT_FILE"] = lab().registry.certificate;
  expect(lab().left()).toEqual([]);
});

test("a volume's Secret opens its registry, and no file of it stays; all that cannot be had is said at once", async () => {
  await using closed = await Registry.start(KNOWN_USER);
  process.env["SSL_CERT_FILE"] = closed.certificate;
  const images = [
    { image: `${closed.host}/a:1`, imagePullSecret: "right" },
    { image: `${closed.host}/b:1` },
    { image: `${closed.host}/c:1`, imagePullSecret: "none" },
    { image: "127.0.0.1:1/d:1" },
  ];
  const disks = images.map((_, at) => ({ name: `v${at}`, disk: {} }));
  const volumes = images.map((containerDisk, at) => ({ name: `v${at}`, containerDisk }));
  const vmi = { metadata: {}, spec: { domain: { devices: { disks } }, volumes } } as unknown as Vmi;
  const data = { configMaps: {}, secrets: { right: { ".dockerconfigjson": KNOWN_USER.authFor(closed.host) } } };
  const signal = new AbortController().signal;
  const fetching = fetchContainerDisks({ exec, cache: lab().cache, progress: (line) => said.push(line), signal }, vmi, {
    ...{ policy: { directories: [], own: [] }, data },
  });
  const { message } = (await fetching.catch((error: Error) => error)) as Error;
  process.env["SSL_CERT_FILE"] = lab().registry.certificate;
  expect(message).toContain("3 container disks cannot be had");
  // Who may look there is told that it is not there.
  expect(message).toContain(`volume "v0": image ${closed.host}/a:1 is not there`);
  expect(message).toContain(`volume "v1": image ${closed.host}/b:1: its registry refuses it`);
  expect(message).toContain('volume "v2" refers to Secret "none", which is not in the input');
  expect(lab().left()).toEqual([]);
});

test("a digest that does not match is refused, of a manifest and of a layer, and nothing is left", async () => {
  const entries = [{ ...FILE, content: "changed" }];
  await pushed("changed:1", [entries]);
  const wrong = `sha256:${"0".repeat(64)}`;
  await expect(fetch(`${lab().registry.host}/changed@${wrong}`)).rejects.toThrow("is not there");
  const layer = sha256(gzipSync(await tarOf(entries)));
  writeFileSync(blobOf(layer), Buffer.alloc(statSync(blobOf(layer)).size));
  await expect(fetch(`${lab().registry.host}/changed:1`)).rejects.toThrow(
    "does not have the digest that was asked for",
  );
  const image = await lab().layoutOf([[{ ...FILE, content: "once" }]]);
  const blobs = join(image.split(":")[1] ?? "", "blobs/sha256");
  writeFileSync(join(blobs, sha256(gzipSync(await tarOf([{ ...FILE, content: "once" }])))), "other");
  await expect(fetch(image)).rejects.toThrow(/^image oci:/);
  expect(lab().left()).toEqual([]);
});

test("a start that was killed leaves a half-written disk, which the next one removes; a directory without facts is not taken for one", async () => {
  const image = await lab().layoutOf([[FILE]]);
  const { base } = await fetch(image);
  const kept = join(lab().cache, "container-disks", base);
  rmSync(join(kept, "facts.json"));
  writeFileSync(join(kept, "half"), "x");
  mkdirSync(join(lab().cache, "container-disks/building"));
  writeFileSync(join(lab().cache, "container-disks/building/disk"), "half");
  expect((await fetch(image)).base).toBe(base);
  expect(readdirSync(kept).sort()).toEqual(["disk", "facts.json"]);
  expect(lab().left()).not.toContain("building");
});

test("a full disk is an error that names the cache; with room again, the next start is whole", async () => {
  const small = join(lab().directory, "small");
  mkdirSync(small);
  await exec(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", small]);
  try {
    const content = randomBytes(3 * 1024 ** 2);
    const image = await lab().layoutOf([[{ ...FILE, content }]]);
    await expect(fetch(image, { into: small })).rejects.toThrow(/file system of Netbind's cache is full/);
    expect(lab().left(small)).toEqual([]);
    await exec(["mount", "-o", "remount,size=32m", small]);
    expect(await fetch(image, { into: small })).toMatchObject({ format: "raw" });
  } finally {
    await exec(["umount", small]);
  }
});

test("who gives up while an image is fetched leaves nothing of it", async () => {
  const image = await lab().layoutOf([[FILE]]);
  const controller = new AbortController();
  controller.abort(new Error("stopped"));
  await expect(fetch(image, { signal: controller.signal })).rejects.toThrow("stopped");
  expect(lab().left()).toEqual([]);
});
