/** A binding's image within a sidecar's limits, on a machine whose control groups are the test's. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { anAttachment } from "@netbind/contract/testing";
import type { Vmi } from "@netbind/kubevirt";
import { buildBaseDomain } from "@netbind/local";
import passt from "@netbind/plugin-passt";
import { connectHooks, type HooksClient } from "@netbind/remote/sidecar";
import type { ImageProcess, UnpackedImage } from "../kube/built-images.ts";
import { ImageContainer } from "../kube/image-container.ts";
import { vmiObject } from "../kube/kube-objects.ts";

const ROOT = "/sys/fs/cgroup";
const GROUP = "/netbind-called";
const TIMEOUT_SCALE = 60;
const DOMAIN_BYTES = 64_000;

const object = vmiObject("called", [{ name: "default", binding: "passt" }]) as unknown as Vmi;
const VMI = Buffer.from(JSON.stringify(object));

/** A domain as large as a VM's with hundreds of devices. */
export const LARGE_DOMAIN: Buffer = (() => {
  const base = buildBaseDomain({ vmi: object, accelerator: "kvm", disks: [] });
  const device = (at: number): string => `<hostdev mode='subsystem' type='usb'><alias name='ua-x${at}'/></hostdev>`;
  const devices = Array.from({ length: Math.ceil((DOMAIN_BYTES - base.length) / device(0).length) }, (_, at) =>
    device(at),
  );
  return Buffer.from(base.replace("</devices>", `${devices.join("")}</devices>`));
})();

/** What the kernel says of the container's control group. */
export const readGroup = (name: string): string => readFileSync(join(ROOT, GROUP, name), "utf8");
/** A number of what it says. */
export const groupField = (name: string, field: string): number =>
  Number(new RegExp(`^${field} (\\d+)$`, "m").exec(readGroup(name))?.[1]);

/** Who reads a file first pays for it: none has it from now on. */
export const dropCaches = (): void => writeFileSync("/proc/sys/vm/drop_caches", "3");

/** Starts an image from a cold page cache, and attaches it. `start`: its process, as JSON. */
export async function startLimited(rootfs: string, start: string, millis?: number): Promise<ImageContainer> {
  assert.equal(hostname(), "nested", "this changes the machine's control groups");
  writeFileSync(join(ROOT, "cgroup.subtree_control"), "+memory +cpu +pids");
  dropCaches();
  const image: UnpackedImage = { rootfs, process: JSON.parse(start) as ImageProcess };
  const limits = millis === undefined ? {} : { millis };
  const sidecar = await ImageContainer.start(image, { binding: "passt", cgroup: GROUP, ...limits });
  const attachment = anAttachment();
  await sidecar.attach([{ attachment, plan: passt.plan(attachment) }], TIMEOUT_SCALE);
  return sidecar;
}

/** The milliseconds of a call over a connection of its own, and its answer. */
export async function timeCall<T>(
  sidecar: ImageContainer,
  call: (hooks: HooksClient) => Promise<T>,
): Promise<readonly [milliseconds: number, answer: T]> {
  const began = performance.now();
  const hooks = connectHooks(sidecar.hookSocket("passt"), TIMEOUT_SCALE);
  const answer = await call(hooks);
  hooks.close();
  return [performance.now() - began, answer];
}

/** Defines the large domain. */
export const defineLarge = async (hooks: HooksClient): Promise<string> =>
  Buffer.from(await hooks.onDefineDomain("v1alpha3", LARGE_DOMAIN, VMI)).toString("utf8");
