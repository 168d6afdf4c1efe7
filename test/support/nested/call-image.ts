/**
 * Runs a binding's image within the memory that KubeVirt gives a sidecar, on a machine whose control groups are the test's,
 * from a cold page cache, and defines a domain again and again, each time over a new connection.
 *
 * Usage: call-image ROOTFS PROCESS CALLS; PROCESS: how the image starts, as JSON. Prints a {@link SeenImage}.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { anAttachment } from "@netbind/contract/testing";
import type { Vmi } from "@netbind/kubevirt";
import { buildBaseDomain } from "@netbind/local";
import passt from "@netbind/plugin-passt";
import { connectHooks } from "@netbind/remote/sidecar";
import type { ImageProcess } from "../kube/built-images.ts";
import { ImageContainer } from "../kube/image-container.ts";
import { vmiObject } from "../kube/kube-objects.ts";

const ROOT = "/sys/fs/cgroup";
const GROUP = "/netbind-called";
const TIMEOUT_SCALE = 60;
const DOMAIN_BYTES = 64_000;

/** What was seen of an image's container. */
export interface SeenImage {
  /** The different domains that came back, and how many bytes the one that was sent has. */
  readonly domains: readonly string[];
  readonly domainBytes: number;
  /** How often the kernel ended something of it for want of memory. */
  readonly outOfMemory: number;
  /** How often its first runtime was replaced. */
  readonly replaced: number;
  readonly memoryLimit: number;
  /** Bytes of memory that are its own, and its files', after the first and after the last call. */
  readonly memory: readonly { readonly own: number; readonly files: number }[];
  /** Milliseconds of each call, its connection among them. */
  readonly times: readonly number[];
}

const read = (name: string): string => readFileSync(join(ROOT, GROUP, name), "utf8");
const field = (text: string, name: string): number => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1]);
const memory = (): SeenImage["memory"][number] => {
  const stat = read("memory.stat");
  return { own: field(stat, "anon"), files: field(stat, "file") };
};

const object = vmiObject("called", [{ name: "default", binding: "passt" }]) as unknown as Vmi;
const json = Buffer.from(JSON.stringify(object));

function largeDomain(): Buffer {
  const base = buildBaseDomain({ vmi: object, accelerator: "kvm", disks: [] });
  const device = (at: number): string => `<hostdev mode='subsystem' type='usb'><alias name='ua-x${at}'/></hostdev>`;
  const devices = Array.from({ length: Math.ceil((DOMAIN_BYTES - base.length) / device(0).length) }, (_, at) =>
    device(at),
  );
  return Buffer.from(base.replace("</devices>", `${devices.join("")}</devices>`));
}

assert.equal(hostname(), "nested", "this changes the machine's control groups");
const [rootfs = "", start = "", calls = "1000"] = process.argv.slice(2);
writeFileSync(join(ROOT, "cgroup.subtree_control"), "+memory +cpu +pids");
// Who reads a file first pays for it: no other has it.
writeFileSync("/proc/sys/vm/drop_caches", "3");
const image = { rootfs, process: JSON.parse(start) as ImageProcess };
await using sidecar = await ImageContainer.start(image, { binding: "passt", cgroup: GROUP });
const attachment = anAttachment();
await sidecar.attach([{ attachment, plan: passt.plan(attachment) }], TIMEOUT_SCALE);
const [runtime] = await sidecar.runtimes();

const domain = largeDomain();
const domains = new Set<string>();
const seen: SeenImage["memory"][number][] = [];
const times: number[] = [];
for (let at = 0; at < Number(calls); at++) {
  const began = performance.now();
  const hooks = connectHooks(sidecar.hookSocket("passt"), TIMEOUT_SCALE);
  domains.add(Buffer.from(await hooks.onDefineDomain("v1alpha3", domain, json)).toString("utf8"));
  hooks.close();
  times.push(performance.now() - began);
  if (at === 0) seen.push(memory());
}
seen.push(memory());
process.stdout.write(
  JSON.stringify({
    domains: [...domains],
    domainBytes: domain.length,
    outOfMemory: field(read("memory.events"), "oom_kill"),
    replaced: (await sidecar.runtimes())[0] === runtime ? 0 : 1,
    memoryLimit: Number(read("memory.max")),
    memory: seen,
    times,
  } satisfies SeenImage),
);
