/** What an image of a stranger's may have, when it is unpacked. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeDisk } from "../../../core/local/src/images/find-disk.ts";
import { type LayerFile, readLayer, UnpackBudget } from "../../../core/local/src/images/layer-entries.ts";
import { type Entry, tarOf } from "../../support/images/oci-layout.ts";

const MIB = 1024 ** 2;
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-layers-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function layerOf(bytes: Buffer): LayerFile {
  const hex = createHash("sha256").update(bytes).digest("hex");
  writeFileSync(join(directory, hex), bytes);
  return { image: "x/y:1", path: join(directory, hex), digest: `sha256:${hex}` };
}
const layer = async (
  entries: readonly Entry[],
  compress: (bytes: Buffer) => Buffer = (bytes) => bytes,
): Promise<LayerFile> => layerOf(compress(await tarOf(entries)));
const read = async (layers: readonly LayerFile[], limits: { readonly bytes: number; readonly entries: number }) => {
  const budget = new UnpackBudget("x/y:1", limits);
  for (const one of layers) await readLayer(one, budget, async () => undefined);
};

test.each([
  ["gzip", gzipSync],
  ["zstd", zstdCompressSync],
])("a bomb of %s is refused by what it becomes, however small it is", async (_, compress) => {
  const bomb = await layer([{ name: "zeros", content: Buffer.alloc(32 * MIB) }], compress);
  expect(statSync(bomb.path).size).toBeLessThan(MIB);
  await expect(read([bomb], { bytes: 16 * MIB, entries: 10 })).rejects.toThrow(
    `image x/y:1: unpacked, its layers have more than ${16 * MIB} bytes`,
  );
  await read([bomb], { bytes: 33 * MIB, entries: 10 });
});

test("the layers of an image share one limit, of bytes and of files", async () => {
  const [one, two] = [
    await layer([{ name: "a", content: Buffer.alloc(MIB) }]),
    await layer([{ name: "b" }, { name: "c" }]),
  ];
  await read([one, two], { bytes: 2 * MIB, entries: 3 });
  await expect(read([one, one], { bytes: 2 * MIB, entries: 3 })).rejects.toThrow("more than 2097152 bytes");
  await expect(read([one, two], { bytes: 2 * MIB, entries: 2 })).rejects.toThrow("its layers have more than 2 files");
});

test("a disk keeps its bytes and its holes, wherever they begin and end", async () => {
  const content = Buffer.alloc(24 * MIB + 1234);
  for (const at of [0, 4095, 3 * MIB - 1, 9 * MIB + 5, 24 * MIB + 1233]) content.write("x", at);
  const file = join(directory, "disk");
  await writeDisk({ layers: [await layer([{ name: "disk/disk.img", content }], gzipSync)] }, file);
  expect(readFileSync(file).equals(content)).toBe(true);
  expect(statSync(file).blocks * 512).toBeLessThan(MIB);
});

test("a disk that ends in zeros has all of them", async () => {
  const content = Buffer.concat([Buffer.from("x"), Buffer.alloc(MIB)]);
  const file = join(directory, "disk");
  await writeDisk({ layers: [await layer([{ name: "disk/disk.img", content }])] }, file);
  expect(statSync(file).size).toBe(content.length);
});

test.each([
  ["GNU's", ["--format=gnu"]],
  ["PAX 0.0", ["--format=posix", "--sparse-version=0.0"]],
  ["PAX 0.1", ["--format=posix", "--sparse-version=0.1"]],
  ["PAX 1.0", ["--format=posix", "--sparse-version=1.0"]],
])("a disk that its tar has without its holes is refused by its name, not read without them: %s", async (_, format) => {
  const disk = join(directory, "disk/disk.img");
  mkdirSync(join(directory, "disk"));
  // More pieces than a header of GNU's names.
  const pieces = Buffer.alloc(4 * MIB);
  for (let at = 0; at < pieces.length; at += MIB / 8) pieces.write("x", at);
  await writeDisk({ layers: [await layer([{ name: "disk/disk.img", content: pieces }])] }, disk);
  truncateSync(disk, 8 * MIB);
  const sparse = layerOf(execFileSync("tar", ["-C", directory, "--sparse", ...format, "-cf", "-", "disk"]));
  expect(statSync(sparse.path).size).toBeLessThan(MIB);
  const writing = writeDisk({ layers: [sparse] }, join(directory, "read"));
  await expect(writing).rejects.toThrow('image x/y:1: "/disk/disk.img" is a sparse entry of its tar');
});

test("a sparse file beside the disk hinders nobody", async () => {
  const file = join(directory, "read");
  const pax = { "GNU.sparse.major": "1", "GNU.sparse.name": "var/log/lastlog" };
  const beside = { name: "var/log/GNUSparseFile.0/lastlog", content: "x", pax } as Entry;
  await writeDisk({ layers: [await layer([beside, { name: "disk/disk.img", content: "disk" }])] }, file);
  expect(readFileSync(file, "utf8")).toBe("disk");
});

test("who waits no longer ends the reading of layers, as what was given up", async () => {
  const [big, file] = [await layer([{ name: "disk/disk.img", content: Buffer.alloc(MIB) }]), join(directory, "read")];
  const signal = AbortSignal.abort(new Error("stopped"));
  await expect(writeDisk({ layers: [big], signal }, file)).rejects.toThrow(/^stopped$/);
});
