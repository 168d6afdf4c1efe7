/** The agent looks for a sidecar's socket every half minute, in a directory that its pod fills as it likes. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isShut } from "../../../core/agent/src/pod/is-shut.ts";

let base: string;
const hooks = (): string => join(base, "hook-sidecar-0");
const look = (): boolean => isShut({ base, components: ["hook-sidecar-0"], uid: 107 });

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "netbind-shut-"));
  mkdirSync(join(hooks(), "netbind"), { recursive: true });
});
afterEach(() => rmSync(base, { recursive: true }));

test("a sidecar without a hook socket is shut, one with it is not", () => {
  expect(look()).toBe(true);
  writeFileSync(join(hooks(), "hook.sock"), "");
  expect(look()).toBe(false);
});

test("a directory that its pod fills is not read whole, and nothing is done for its sidecar", () => {
  for (let at = 0; at < 65; at += 1) writeFileSync(join(hooks(), `file-${at}`), "");
  expect(look()).toBe(false);
});
