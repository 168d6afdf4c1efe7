/** Container disks that cannot be had, or only in part: what is said, and that nothing is left. */
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Vmi } from "@netbind/kubevirt";
import { State, vmId } from "@netbind/local";
import { exec, type Exec, makeDirectory, takeLock } from "@netbind/netns";
import { VM_UIDS } from "@netbind/pod";
import { expect, test, vi } from "vitest";
import { ensureContainerDisk } from "../../core/local/src/images/container-disk-cache.ts";
import { UnreachableRegistryError } from "../../core/local/src/images/errors.ts";
import { readImageSource } from "../../core/local/src/images/image-source.ts";
import { fetchContainerDisks, holdContainerDisk, makeOverlays } from "../../core/local/src/launcher/container-disks.ts";
import { DISK, DISK_FILE, useDiskLab } from "../support/images/disk-lab.ts";
import { tarOf } from "../support/images/oci-layout.ts";
import { KNOWN_USER, Registry } from "../support/images/registry.ts";

const { lab, fetch, contentOf, pushed, progress } = useDiskLab();

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
const blobOf = (name: string): string =>
  join(lab().registry.storage, "docker/registry/v2/blobs/sha256", name.slice(0, 2), name, "data");

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

test("a variable that names no certificates is named, and no image is blamed", async () => {
  process.env["SSL_CERT_FILE"] = join(lab().directory, "none.pem");
  try {
    await expect(fetch("127.0.0.1:1/x/y:1")).rejects.toThrow(/^SSL_CERT_FILE names .*none\.pem, which does not exist/);
  } finally {
    process.env["SSL_CERT_FILE"] = lab().registry.certificate;
  }
});

test("a registry is asked through the proxy that the environment names, and its address is in no command's arguments", async () => {
  const asked: string[] = [];
  const proxy = createServer((socket) => socket.once("data", (text) => socket.end(void asked.push(String(text)))));
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const address = `http://user:secret@127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const commands: string[] = [];
  vi.stubEnv("HTTPS_PROXY", address);
  try {
    const watching: Exec = (argv, options) => {
      commands.push(argv.join(" "));
      return exec(argv, options);
    };
    const source = readImageSource("registry.invalid/x/y:1", { directories: [], own: [] });
    const tools = {
      exec: watching,
      cache: lab().cache,
      progress: () => undefined,
      signal: new AbortController().signal,
    };
    await expect(ensureContainerDisk(tools, { source })).rejects.toThrow("registry.invalid/x/y:1");
    expect(asked[0]).toMatch(/^CONNECT registry\.invalid:443 /);
    expect(commands.join("\n")).not.toContain("secret");
  } finally {
    vi.unstubAllEnvs();
    proxy.close();
  }
});

test("a policy that no kubelet has is refused, not taken for another", async () => {
  const image = await lab().layoutOf([[DISK_FILE]]);
  await expect(fetch(image, { pullPolicy: "always" })).rejects.toThrow(
    'its imagePullPolicy "always" is not Always, IfNotPresent or Never',
  );
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
  const context = { exec, cache: lab().cache, progress: (line: string) => progress.push(line), signal };
  const fetching = fetchContainerDisks(context, vmi, { policy: { directories: [], own: [] }, data });
  const { message } = (await fetching.catch((error: Error) => error)) as Error;
  process.env["SSL_CERT_FILE"] = lab().registry.certificate;
  expect(message).toContain("3 container disks cannot be had");
  // Who may look there sees that it is not there.
  expect(message).toContain(`volume "v0": image ${closed.host}/a:1 is not there`);
  expect(message).toContain(`volume "v1": image ${closed.host}/b:1: its registry refuses it`);
  expect(message).not.toContain('volume "v2": volume');
  expect(message).toContain('volume "v2" refers to Secret "none", which is not in the input');
  expect(lab().left()).toEqual([]);
});

test("a digest that does not match is refused, of a manifest and of a layer, and nothing is left", async () => {
  const entries = [{ ...DISK_FILE, content: "changed" }];
  await pushed("changed:1", [entries]);
  const wrong = `sha256:${"0".repeat(64)}`;
  await expect(fetch(`${lab().registry.host}/changed@${wrong}`)).rejects.toThrow("is not there");
  const layer = sha256(gzipSync(await tarOf(entries)));
  writeFileSync(blobOf(layer), Buffer.alloc(statSync(blobOf(layer)).size));
  await expect(fetch(`${lab().registry.host}/changed:1`)).rejects.toThrow(
    "does not have the digest that was asked for",
  );
  const image = await lab().layoutOf([[{ ...DISK_FILE, content: "once" }]]);
  const blobs = join(image.split(":")[1] ?? "", "blobs/sha256");
  writeFileSync(join(blobs, sha256(gzipSync(await tarOf([{ ...DISK_FILE, content: "once" }])))), "other");
  await expect(fetch(image)).rejects.toThrow(/^image oci:/);
  expect(lab().left()).toEqual([]);
});

test("a start that was killed leaves a half-written disk, which the next one removes; a directory without facts is not taken for one", async () => {
  const image = await lab().layoutOf([[DISK_FILE]]);
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

test.each<[string, (entry: string, name: string) => void]>([
  ["empty facts, as after a power failure", (entry) => writeFileSync(join(entry, "facts.json"), "")],
  ["half of the facts", (entry) => writeFileSync(join(entry, "facts.json"), '{"format":"ra')],
  ["other facts", (entry) => writeFileSync(join(entry, "facts.json"), "null")],
  ["an empty name", (_, name) => writeFileSync(name, "")],
  ["another name", (_, name) => writeFileSync(name, "null")],
  ["no disk", (entry) => rmSync(join(entry, "disk"))],
  ["a disk that was cut off", (entry) => truncateSync(join(entry, "disk"), 100)],
])("a damaged cache costs a pull and no more: %s", async (_, damage) => {
  await pushed("kept:1", [[DISK_FILE]]);
  const image = `${lab().registry.host}/kept:1`;
  const disk = await fetch(image);
  const directory = join(lab().cache, "container-disks");
  const names = readdirSync(directory).filter((one) => one.startsWith("name-"));
  damage(join(directory, disk.base), join(directory, names[0] ?? ""));
  expect(await fetch(image)).toEqual(disk);
  expect(contentOf(disk).subarray(0, DISK.length)).toEqual(DISK);
  progress.length = 0;
  expect(await fetch(image)).toEqual(disk);
  expect(progress).toEqual([]);
});

test("who waits for another that fetches images is warned, and can be interrupted", async () => {
  const image = await lab().layoutOf([[DISK_FILE]]);
  makeDirectory(lab().cache);
  makeDirectory(join(lab().cache, "container-disks"));
  const controller = new AbortController();
  {
    await using _ = await takeLock(join(lab().cache, "container-disks/lock"), "the cache");
    const waiting = fetch(image, { signal: controller.signal });
    await expect.poll(() => progress).toEqual(["waiting for another netbind process, which fetches container disks"]);
    controller.abort(new Error("stopped"));
    await expect(waiting).rejects.toThrow("stopped");
  }
  expect(await fetch(image)).toMatchObject({ format: "raw" });
});

test("a full disk is an error that names the cache; with room again, the next start is whole", async () => {
  const small = join(lab().directory, "small");
  mkdirSync(small);
  await exec(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", small]);
  try {
    const content = randomBytes(3 * 1024 ** 2);
    const image = await lab().layoutOf([[{ ...DISK_FILE, content }]]);
    await expect(fetch(image, { into: small })).rejects.toThrow(/file system of Netbind's cache is full/);
    expect(lab().left(small)).toEqual([]);
    await exec(["mount", "-o", "remount,size=32m", small]);
    expect(await fetch(image, { into: small })).toMatchObject({ format: "raw" });
  } finally {
    await exec(["umount", small]);
  }
});

test("where a VM's own layer has no room, that and the directory are named, and no image", async () => {
  const small = join(lab().directory, "small");
  mkdirSync(small);
  await exec(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small]);
  try {
    const { base, format } = await fetch(await lab().layoutOf([[DISK_FILE]]), { into: small });
    await exec(["dd", "if=/dev/zero", `of=${join(small, "full")}`, "bs=64k"]).catch(() => undefined);
    const state = new State({ state: join(lab().directory, "state"), cache: small, logs: lab().directory });
    const user = { uid: VM_UIDS.first, gid: VM_UIDS.first };
    const making = makeOverlays({ state, exec }, vmId("default", "one"), user, [{ volume: 0, base, format }]);
    await expect(making).rejects.toThrow(
      /^the layer of the VM's own over a container disk cannot be made: .* full \(.*small\/layers\//,
    );
  } finally {
    await exec(["umount", small]);
  }
});

test("a running VM's disk that is not in the cache any more is named, with what to do", () => {
  const state = new State({ state: join(lab().directory, "state"), cache: lab().cache, logs: lab().directory });
  const record = { volume: 0, base: "disk-0123", format: "raw" } as const;
  expect(() => holdContainerDisk(state, vmId("default", "one"), record)).toThrow(
    /container-disks\/disk-0123\/disk is not there any more.* then stop and start the VM$/,
  );
});

test("a cache that cannot be written to is named, with the variable that names another", async () => {
  const readOnly = join(lab().directory, "read-only");
  mkdirSync(readOnly);
  await exec(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", readOnly]);
  try {
    const fetching = fetch(await lab().layoutOf([[DISK_FILE]]), { into: readOnly });
    await expect(fetching).rejects.toThrow(
      /read-only\/container-disks is on a read-only file system: .*NETBIND_CACHE_DIR/,
    );
  } finally {
    await exec(["umount", readOnly]);
  }
});

test("who gives up while an image is fetched leaves nothing of it", async () => {
  const image = await lab().layoutOf([[DISK_FILE]]);
  const controller = new AbortController();
  controller.abort(new Error("stopped"));
  await expect(fetch(image, { signal: controller.signal })).rejects.toThrow("stopped");
  expect(lab().left()).toEqual([]);
});
