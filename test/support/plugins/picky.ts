/** The plugin of tests that ask one, bundled as its author would, and what is left of asking it. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitUntil } from "@netbind/netns";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { bundlePlugin } from "../build/bundle.ts";

/** A text of a process' in /proc; empty where it ended meanwhile. */
function textOf(pid: number | string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}
export const commandLine = (pid: number | string): string => textOf(pid, "cmdline");

/** True for a process whose caller is gone: that of another test's command has one. */
const isOurs = (pid: string): boolean => / 1 /.test(/\) \w( \d+ )/.exec(textOf(pid, "stat"))?.[1] ?? "");

/** Processes that run a plugin's bundle though nobody asks it, and files of it. */
export const leftOfPlugins = (): readonly string[] => [
  ...readdirSync(tmpdir()).filter((name) => name.startsWith("netbind-plugin-")),
  ...readdirSync("/proc").filter(
    (pid) => /^\d+$/.test(pid) && commandLine(pid).includes("/netbind/plugin.mjs") && isOurs(pid),
  ),
];

/** A directory with the bundle. */
export interface PickyPlugin {
  readonly directory: string;
  readonly file: string;
  /** As `--plugin` takes it. */
  readonly option: string;
}

/** Bundles the plugin for a file's tests, each of which leaves nothing of it. */
export function usePicky(): PickyPlugin {
  let directory = "";
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "netbind-plugins-"));
    chmodSync(directory, 0o755);
    // What these commands leave is told from what others do at the same time by where it is.
    const temporary = join(directory, "tmp");
    mkdirSync(temporary);
    chmodSync(temporary, 0o1777);
    process.env["TMPDIR"] = temporary;
    bundlePlugin("picky", directory);
  });
  afterAll(() => rmSync(directory, { recursive: true }));
  afterEach(async () => {
    await waitUntil(() => leftOfPlugins().length === 0, 5000);
    expect(leftOfPlugins()).toEqual([]);
  });
  return {
    get directory() {
      return directory;
    },
    get file() {
      return join(directory, "picky.mjs");
    },
    get option() {
      return `picky=${join(directory, "picky.mjs")}`;
    },
  };
}

/** A VM whose one NIC has a binding, and what the cluster registers; `registration` goes on with it. */
export const vm = (nic: string, binding = "picky", registration = ""): string => `
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: vm}
spec:
  domain:
    memory: {guest: 64Mi}
    devices:
      interfaces:
      - {name: ${nic}, binding: {name: ${binding}}}
  networks:
  - {name: ${nic}, pod: {}}
---
apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata: {name: kubevirt, namespace: kubevirt}
spec:
  configuration:
    network: {binding: {picky: {sidecarImage: example.com/picky, domainAttachmentType: tap}${registration}}}
`;
