import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exec, writeAtomically } from "@netbind/netns";
import { expect, onTestFinished, test } from "vitest";

test("a file on a full file system stays as it was, with a sentence of what to do, and nothing is left beside it", async () => {
  const directory = mkdtempSync(join(tmpdir(), "netbind-full-"));
  await exec(["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", directory]);
  onTestFinished(async () => {
    await exec(["umount", directory]);
    rmSync(directory, { recursive: true });
  });
  const file = join(directory, "record.json");
  writeAtomically(file, "old");
  const fill = join(directory, "fill");
  expect(() => writeFileSync(fill, Buffer.alloc(128 * 1024))).toThrow(/ENOSPC/);
  expect(() => writeAtomically(file, "new".repeat(2000))).toThrow(
    `${file} cannot be written: no space left on device: make room in its file system`,
  );
  expect(readFileSync(file, "utf8")).toBe("old");
  expect(readdirSync(directory).sort()).toEqual(["fill", "record.json"]);
  rmSync(fill);
  writeAtomically(file, "new");
  expect(readFileSync(file, "utf8")).toBe("new");
});
