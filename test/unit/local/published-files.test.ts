/** The files that sidecars are run from: each is what its name says, and nobody finds another's. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { derivedName } from "@netbind/netns";
import { afterEach, beforeEach, expect, test } from "vitest";
import { publishSidecar, type SidecarRuntime } from "../../../core/local/src/pod/sidecar-files.ts";

let directory: string;
let bundle: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-published-"));
  bundle = join(directory, "plugin.mjs");
  writeFileSync(bundle, "a");
});
afterEach(() => rmSync(directory, { recursive: true }));

const runtime = (): SidecarRuntime => ({
  node: "/usr/bin/true",
  start: { options: [], environment: {} },
  bundle: () => bundle,
});

const hashOf = (file: string): string => createHash("sha256").update(readFileSync(file)).digest("hex");

test("an author who swaps a plugin's file while it is published puts nothing under another bundle's name", async () => {
  const swap =
    'use strict; my ($f) = @ARGV; my $n = 0; while (1) { open(my $h, ">", "$f.n"); print $h (($n++ % 2 ? "a" : "b") x 2e6); close $h; rename("$f.n", $f) }';
  const author = spawn("perl", ["-e", swap, bundle], { stdio: "ignore" });
  await once(author, "spawn");
  try {
    for (let round = 0; round < 60; round += 1) {
      const published = publishSidecar(runtime(), join(directory, `cache-${round}`), "plugin", "hook-sidecar-0");
      expect(basename(published.bundle)).toBe(derivedName("bundle", { text: hashOf(published.bundle) }, ".mjs"));
    }
  } finally {
    author.kill("SIGKILL");
    await once(author, "exit");
  }
});

test("nobody lists what is published: a file that its caller alone may read is not everybody's by having been named as a plugin", () => {
  const cache = join(directory, "cache");
  publishSidecar(runtime(), cache, "plugin", "hook-sidecar-0");
  expect(lstatSync(join(cache, "runtime")).mode & 0o777).toBe(0o711);
  expect(readdirSync(join(cache, "runtime"))).toHaveLength(2);
});

test("what is not a regular file is not read as a plugin", () => {
  bundle = "/dev/zero";
  expect(() => publishSidecar(runtime(), join(directory, "cache"), "plugin", "hook-sidecar-0")).toThrow(
    "/dev/zero is not a regular file",
  );
});
