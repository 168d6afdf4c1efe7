import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BusyError, takeLock } from "@netbind/local";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Journal, type VmRecord } from "../../../core/local/src/journal.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-journal-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const record = { version: 1, id: "0123456789ab", nics: {}, processes: [], attachments: [], phase: "starting" } as unknown as VmRecord;

test("what is changed is on disk when the change returns, and nothing else is", () => {
  const journal = Journal.create(directory, record);
  journal.updateNic("red", { plan: { domain: { kind: "tap" } } });
  journal.updateNic("red", { before: { name: "eth0", mac: "", mtu: 1, addresses: [], routes: [] } });
  journal.setProcesses("qemu", [{ pid: 1, startTime: 2 }]);
  journal.setProcesses("qemu", [{ pid: 3, startTime: 4 }]);
  expect(Journal.open(directory)?.record).toEqual(journal.record);
  expect(journal.record.nics["red"]).toMatchObject({ plan: { domain: { kind: "tap" } }, before: { name: "eth0" } });
  expect(journal.record.processes).toEqual([{ role: "qemu", processes: [{ pid: 3, startTime: 4 }] }]);
  expect(readdirSync(directory)).toEqual(["journal.json"]);
});

test("a damaged record, and one of another version, are refused; none is none", () => {
  expect(Journal.open(directory)).toBeUndefined();
  const journal = Journal.create(directory, record);
  const text = readFileSync(Journal.fileIn(directory), "utf8");
  writeFileSync(Journal.fileIn(directory), text.slice(0, -10));
  expect(() => Journal.open(directory)).toThrow(/cannot be read/);
  writeFileSync(Journal.fileIn(directory), JSON.stringify({ ...journal.record, version: 2 }));
  expect(() => Journal.open(directory)).toThrow(/version 2/);
});

test("a lock is one's own until it is given back", async () => {
  const file = join(directory, "lock");
  const first = await takeLock(file, "the VM");
  await expect(takeLock(file, "the VM")).rejects.toThrow(BusyError);
  await first.release();
  await using second = await takeLock(file, "the VM");
  expect(second).toBeDefined();
});
