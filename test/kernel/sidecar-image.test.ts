/** Images of sidecars that anybody may have made: what becomes of them in the cache, and what is said of those that are refused. */
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Decision } from "@netbind/engine";
import { pruneImages, State, vmId } from "@netbind/local";
import { exec, makeDirectory, takeLock } from "@netbind/netns";
import { PodRecordFile } from "@netbind/pod";
import { expect, test } from "vitest";
import { readImageSource } from "../../core/local/src/images/image-source.ts";
import {
  type CachedSidecarImage,
  ensureSidecarImage,
  sidecarRoot,
} from "../../core/local/src/images/sidecar-image-cache.ts";
import { prepareSidecars } from "../../core/local/src/pod/prepare-sidecars.ts";
import { newRecord } from "../../core/local/src/vm/new-record.ts";
import { aVmi } from "../support/cases/a-vmi.ts";
import { netbind } from "../support/guest/netbind.ts";
import { useImageLab } from "../support/images/image-lab.ts";
import { type Entry, type LayoutImage, tarOf } from "../support/images/oci-layout.ts";
import { KNOWN_USER, Registry } from "../support/images/registry.ts";

const config = { Entrypoint: ["/bin/a"], Cmd: ["b"], Env: ["C=d"], WorkingDir: "/w", User: "0" };
const FILE: Entry = { name: "bin/a", content: "program", mode: 0o755 };

const lab = useImageLab("sidecar-images");
/** An image that is a sidecar's, where nothing else is said. */
const layoutOf = (
  layers: readonly (readonly Entry[])[],
  more: Omit<LayoutImage, "layers"> = { config },
): Promise<string> => lab().layoutOf(layers, more);

const parts = (into = lab().cache) => ({
  ...{ exec, cache: into, progress: () => undefined, signal: new AbortController().signal },
});
const fetch = (image: string, into = lab().cache): Promise<CachedSidecarImage> =>
  ensureSidecarImage(parts(into), { source: readImageSource(image, { directories: [lab().directory], own: [] }) });

test("unpacked once for each digest, with the image's own command and working directory, and with what its container mounts on", async () => {
  const layers = [
    [FILE, { name: "gone", content: "x" }, { name: "var/run", type: "symlink", linkname: "/run" }],
    [{ name: ".wh.gone" }, { name: "etc/x", content: "x" }],
  ] as const;
  const image = await fetch(await layoutOf(layers));
  expect(image).toMatchObject({ args: ["/bin/a", "b"], env: ["C=d"], cwd: "/w" });
  const root = sidecarRoot(lab().cache, image.base);
  expect(readFileSync(join(root, "bin/a"), "utf8")).toBe("program");
  expect(readdirSync(root).sort()).toEqual(["bin", "dev", "etc", "proc", "run", "tmp", "var", "w"]);
  // The link of the image's is followed inside of it.
  expect(statSync(join(root, "run/kubevirt-hooks")).isDirectory()).toBe(true);
  expect(await fetch(await layoutOf(layers))).toEqual(image);
  expect(
    lab()
      .left()
      .filter((name) => name.startsWith("sidecar-")),
  ).toEqual([image.base]);
});

test.each(["none", "gzip", "zstd"] as const)("its layers may be compressed as images are: %s", async (compression) => {
  const image = await fetch(await layoutOf([[FILE], [{ name: "etc/x", content: "x" }]], { config, compression }));
  const root = sidecarRoot(lab().cache, image.base);
  expect(readFileSync(join(root, "bin/a"), "utf8")).toBe("program");
  expect(readFileSync(join(root, "etc/x"), "utf8")).toBe("x");
});

test("nothing of an image makes who runs it another user, is a device, or is written outside of its root", async () => {
  // Not below /var, which is a link of the image's.
  const outside = mkdtempSync("/tmp/netbind-outside-");
  using _ = { [Symbol.dispose]: () => rmSync(outside, { recursive: true }) };
  const image = await fetch(
    await layoutOf([
      [
        { ...FILE, mode: 0o6755, uid: 107, gid: 107 },
        { name: "dev/kmem", type: "character-device", devmajor: 1, devminor: 2 },
        { name: "away", type: "symlink", linkname: outside },
        { name: "var", type: "symlink", linkname: `../../../../../..${outside}` },
      ],
      [{ name: "away/planted", content: "x" }],
    ]),
  );
  const root = sidecarRoot(lab().cache, image.base);
  expect(statSync(join(root, "bin/a"))).toMatchObject({ uid: 0, gid: 0 });
  expect(statSync(join(root, "bin/a")).mode & 0o7777).toBe(0o755);
  const device = lstatSync(join(root, "dev/kmem"), { throwIfNoEntry: false });
  expect(device?.isCharacterDevice() ?? false).toBe(false);
  expect(readdirSync(outside)).toEqual([]);
});

test.each<[string, readonly (readonly Entry[])[], Omit<LayoutImage, "layers">, string]>([
  ["no command", [[FILE]], {}, "it names no command, so it is not a sidecar"],
  ["another architecture's", [[FILE]], { config, architecture: "arm64" }, "it is for linux/arm64"],
  ["an index of others", [[FILE]], { config, architecture: "arm64", index: ["s390x"] }, "it is for linux/s390x"],
  ["no layer", [], { config }, "it has no layer"],
  ["a file where its hooks are mounted", [[{ name: "var", content: "x" }]], { config }, "/var is in the way"],
])("refused, with its reason, and nothing is left: %s", async (_, layers, more, reason) => {
  await expect(fetch(await layoutOf(layers, more))).rejects.toThrow(reason);
  expect(lab().left()).toEqual([]);
});

test("a layer that is not what its digest says is refused, and nothing is left", async () => {
  const image = await layoutOf([[FILE]], { config, compression: "none" });
  const blobs = join(image.split(":")[1] ?? "", "blobs/sha256");
  const layer = readdirSync(blobs).find((name) => readFileSync(join(blobs, name)).includes("program")) ?? "";
  writeFileSync(join(blobs, layer), await tarOf([{ ...FILE, content: "changed" }]));
  await expect(fetch(image)).rejects.toThrow(/^image oci:/);
  expect(lab().left()).toEqual([]);
});

test("what a killed start left half-written is made again, whole", async () => {
  const image = await layoutOf([[FILE]]);
  const { base } = await fetch(image);
  rmSync(join(lab().cache, "sidecar-images", base, "facts.json"));
  rmSync(join(sidecarRoot(lab().cache, base), "bin"), { recursive: true });
  mkdirSync(join(lab().cache, "sidecar-images/building/rootfs"), { recursive: true });
  expect((await fetch(image)).base).toBe(base);
  expect(readFileSync(join(sidecarRoot(lab().cache, base), "bin/a"), "utf8")).toBe("program");
  expect(lab().left()).not.toContain("building");
});

test("a full disk is an error that names the cache; with room again, the next start is whole", async () => {
  const small = join(lab().directory, "small");
  mkdirSync(small);
  await exec(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", small]);
  try {
    // What is compressed fits, and what is unpacked does not.
    const image = await layoutOf([[FILE, { name: "big", content: Buffer.alloc(6 * 1024 ** 2, "ab") }]]);
    await expect(fetch(image, small)).rejects.toThrow(/file system of Netbind's cache is full/);
    expect(lab().left(small)).toEqual([]);
    await exec(["mount", "-o", "remount,size=32m", small]);
    expect((await fetch(image, small)).args).toEqual(["/bin/a", "b"]);
  } finally {
    await exec(["umount", small]);
  }
});

test("all images that cannot be had are said at once, each with its registry and what to mirror; with passwords they can", async () => {
  const layout = (await layoutOf([[FILE]])).split(":")[1] ?? "";
  await using closed = await Registry.start(KNOWN_USER);
  await lab().registry.push(layout, "image", "some/sidecar:1");
  const runtime = { node: "", start: { options: [], environment: {} }, bundle: () => undefined };
  const ca = join(lab().directory, "both.pem");
  writeFileSync(ca, [lab().registry, closed].map(({ certificate }) => readFileSync(certificate, "utf8")).join(""));
  process.env["SSL_CERT_FILE"] = ca;
  const digest = `sha256:${"0".repeat(64)}`;
  const failing = prepareSidecars(parts(), { runtime, isImage: () => true }, [
    { name: "a", image: `${closed.host}/some/sidecar:1`, from: "registered" },
    { name: "b", image: `${lab().registry.host}/mirror/netbind/b:0.0.0@${digest}`, from: "fallback" },
    { name: "c", image: "127.0.0.1:1/x/c:1", from: "registered" },
    { name: "d", image: `${lab().registry.host}/some/sidecar:1`, from: "registered" },
    { name: "e", image: `127.0.0.1:1/e:1@${digest}`, from: "registered" },
    { name: "f", image: "oci:/e", from: "registered" },
  ]);
  const { message } = (await failing.catch((error: Error) => error)) as Error;
  // With a password it refuses for another reason: the image is not there.
  const authFile = join(lab().directory, "auth.json");
  writeFileSync(authFile, KNOWN_USER.authFor(closed.host), { mode: 0o600 });
  const source = readImageSource(`${closed.host}/some/sidecar:1`, { directories: [], own: [] });
  await expect(ensureSidecarImage({ ...parts(), auth: { file: authFile } }, { source })).rejects.toThrow(
    "is not there",
  );
  process.env["SSL_CERT_FILE"] = lab().registry.certificate;
  expect(message).toContain("5 sidecars cannot be had");
  expect(message).toContain(`sidecar of binding "a": image ${closed.host}/some/sidecar:1: its registry refuses it`);
  expect(message).toContain(
    `skopeo copy --all docker://${closed.host}/some/sidecar:1 docker://REGISTRY/some/sidecar:1`,
  );
  expect(message).toContain(
    `sidecar of binding "b": image ${lab().registry.host}/mirror/netbind/b:0.0.0@${digest} is not there`,
  );
  expect(message).toContain("oci:dist/images:b docker://REGISTRY/netbind/b:0.0.0, and netbind run --registry REGISTRY");
  expect(message).toContain(`sidecar of binding "c": image 127.0.0.1:1/x/c:1: its registry is not in reach`);
  expect(message).toContain(`skopeo copy --all docker://127.0.0.1:1/e@${digest} docker://REGISTRY/e:1, and register`);
  // Another registry would not help.
  expect(message).toMatch(/sidecar of binding "f": "oci:\/e" is not a valid image: .*write NAME:TAG$/);
  expect(message).not.toContain('binding "d"');
});

test("gc removes what a killed start left half-fetched, and leaves what another process fetches now", async () => {
  const env = { NETBIND_STATE_DIR: join(lab().directory, "state"), NETBIND_CACHE_DIR: lab().cache };
  const gc = async (): Promise<string> => (await netbind(["gc"], { env })).stdout;
  const unfinished = join(lab().cache, "sidecar-images/building/image");
  mkdirSync(unfinished, { recursive: true });
  {
    await using _ = await takeLock(join(lab().cache, "sidecar-images/lock"), "the cache");
    expect(await gc()).toBe("nothing to remove\n");
  }
  expect(statSync(unfinished).isDirectory()).toBe(true);
  expect(await gc()).toBe("removed: an unfinished sidecar image\n");
  expect(lab().left()).toEqual([]);
  expect(await gc()).toBe("nothing to remove\n");
});

test("gc --images removes what no VM has and no start has taken for long, and only that", async () => {
  const names = ["old", "used", "fresh"];
  const sources = await Promise.all(names.map((content) => layoutOf([[{ ...FILE, content }]])));
  const [old, used, fresh] = await Promise.all(sources.map((source) => fetch(source)));
  const long = new Date(Date.now() - 40 * 24 * 3600_000);
  for (const { base = "" } of [old ?? {}, used ?? {}, fresh ?? {}] as readonly Partial<CachedSidecarImage>[])
    utimesSync(join(lab().cache, "sidecar-images", base), long, long);
  const env = { NETBIND_STATE_DIR: join(lab().directory, "state"), NETBIND_CACHE_DIR: lab().cache };
  const gc = (...args: readonly string[]) => netbind(["gc", "--images", ...args], { env });
  expect((await gc("50")).stdout).toBe("nothing to remove\n");
  // A start takes one, and a VM has another.
  await fetch(sources[2] ?? "");
  const state = new State({ state: env.NETBIND_STATE_DIR, cache: lab().cache, logs: lab().directory });
  state.prepare();
  const command = { args: ["/bin/a"], env: [], cwd: "/" };
  const spec = { container: "hook-sidecar-0", image: "x/y:1", base: used?.base ?? "", command };
  const record = newRecord(state, aVmi(), "test", { nics: [], bindings: [] } as unknown as Decision);
  const { id } = record;
  makeDirectory(state.podDirectory(id));
  PodRecordFile.create(state.podDirectory(id), { ...record, sidecars: { masquerade: spec } });
  // A record that cannot be read may name any.
  const damaged = state.podDirectory(vmId("default", "damaged"));
  makeDirectory(damaged);
  writeFileSync(join(damaged, "record.json"), "{");
  await expect(pruneImages(state, exec, 30)).rejects.toThrow("record.json");
  rmSync(damaged, { recursive: true });
  const pruned = await pruneImages(state, exec, 30);
  expect(pruned).toEqual([{ what: "sidecar image", image: sources[0] }]);
  expect(
    lab()
      .left()
      .filter((name) => name.startsWith("sidecar-"))
      .sort(),
  ).toEqual([used?.base, fresh?.base].sort());
  // What was removed is fetched again.
  expect((await fetch(sources[0] ?? "")).base).toBe(old?.base);
  expect((await gc("-1")).code).toBe(2);
});
