import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { endIn, qemuCrash } from "../../../core/local/src/launcher/qemu-crash.ts";

const COMMAND = "LC_ALL=C \\\n/usr/bin/qemu-system-x86_64 \\\n-name guest=default_vm \\\n-msg timestamp=on\n";
const ended = (reason: string): string => `2026-11-25 21:20:50.659+0000: shutting down, reason=${reason}\n`;

test("why QEMU ended, and its last words; nothing while libvirt has not written it", () => {
  const words = "qemu-system-x86_64: system/physmem.c:2671: iotlb_to_section: Assertion `x' failed.";
  expect(endIn(`${COMMAND}a warning\n${words}\n${ended("crashed")}`)).toEqual({ reason: "crashed", said: words });
  expect(endIn(`${COMMAND}${ended("shutdown")}`)).toEqual({ reason: "shutdown", said: "it printed nothing" });
  // It was started again since.
  expect(endIn(`${COMMAND}${words}\n${ended("crashed")}${COMMAND}`)).toBeUndefined();
  expect(endIn(`${COMMAND}${words}\n${ended("crashed")}${COMMAND}${ended("shutdown")}`)?.reason).toBe("shutdown");
  expect(endIn(`${COMMAND}${words}\n`)).toBeUndefined();
  expect(endIn("")).toBeUndefined();
});

test("what a guest's QEMU is made to say is one line that no terminal acts on", () => {
  expect(endIn(`${COMMAND}\u001b[2Jgone\u0007\u00e9\n${ended("crashed")}`)?.said).toBe("?[2Jgone??");
  expect(endIn(`${COMMAND}${"x".repeat(10_000)}\n${ended("crashed")}`)?.said.length).toBeLessThan(500);
});

test("a log that is a link to another file, or below one, is not read", async () => {
  const directory = mkdtempSync(join(tmpdir(), "netbind-crash-"));
  const logs = join(directory, "cache/libvirt/qemu/log");
  mkdirSync(logs, { recursive: true });
  const text = `${COMMAND}secret\n${ended("crashed")}`;
  writeFileSync(join(directory, "elsewhere"), text);
  symlinkSync(join(directory, "elsewhere"), join(logs, "default_vm.log"));
  expect(await qemuCrash(directory, "default_vm")).toBeUndefined();
  rmSync(join(logs, "default_vm.log"));
  writeFileSync(join(logs, "default_vm.log"), text);
  expect(await qemuCrash(directory, "default_vm")).toBe("secret");
  const other = mkdtempSync(join(tmpdir(), "netbind-crash-"));
  symlinkSync(join(directory, "cache"), join(other, "cache"));
  expect(await qemuCrash(other, "default_vm")).toBeUndefined();
  writeFileSync(join(logs, "default_vm.log"), `${COMMAND}${ended("destroyed")}`);
  expect(await qemuCrash(directory, "default_vm")).toBeUndefined();
  for (const made of [directory, other]) rmSync(made, { recursive: true });
});
