/** What an image of a stranger's may have, when it is unpacked. */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
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

async function layer(
  entries: readonly Entry[],
  compress: (bytes: Buffer) => Buffer = (bytes) => bytes,
): Promise<LayerFile> {
  const bytes = compress(await tarOf(entries));
  const hex = createHash("sha256").update(bytes).digest("hex");
  writeFileSync(join(directory, hex), bytes);
  return { image: "x/y:1", path: join(directory, hex), digest: `sha256:${hex}` };
}
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
  await writeDisk([await layer([{ name: "disk/disk.img", content }], gzipSync)], undefined, file);
  expect(readFileSync(file).equals(content)).toBe(true);
  expect(statSync(file).blocks * 512).toBeLessThan(MIB);
});

test("a disk that ends in zeros has all of them", async () => {
  const content = Buffer.concat([Buffer.from("x"), Buffer.alloc(MIB)]);
  const file = join(directory, "disk");
  await writeDisk([await layer([{ name: "disk/disk.img", content }])], undefined, file);
  expect(statSync(file).size).toBe(content.length);
});
