/** A binding through the node agent, as a cluster has it: a pod is attached, its hooks are driven, its guest is reached. */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureImage, State, stateDirectories } from "@netbind/local";
import { processesOfUser, exec, waitUntil } from "@netbind/netns";
import { expect } from "vitest";
import { KubeGuest } from "./kube-guest.ts";
import { KubeNode } from "./kube-node.ts";
import { makeContainerRoot } from "./kube-runtime.ts";
import type { LabPod } from "./lab-pod.ts";
import { Outside } from "../peers/outside.ts";

/** A name that only the demo guest has, and what a stranger fetches from it. */
const serve = (nonce: string): string =>
  `mkdir -p /www; echo ${nonce} > /www/index.html; httpd -p 8080 -h /www; echo serving`;

export interface AgentBinding {
  readonly binding: string;
  /** The guest's address, by the pod's. */
  readonly address: (pod: string) => string;
  /** True where KubeVirt writes the NIC: the guest has the pod link's MAC address. */
  readonly onTap: boolean;
  /** The name of libvirt's library in the pod's launcher; absent: nothing tells of it. */
  readonly libvirt?: string;
  /** What the hooks make of the domain. */
  readonly domain?: RegExp;
}

/** A launcher's file system, as far as it tells of its libvirt; what runs in it waits. */
async function startLauncher(node: KubeNode, pod: LabPod, libvirt: string): Promise<void> {
  const rootfs = join(node.directory, "launcher");
  makeContainerRoot(rootfs);
  for (const path of ["bin", "usr/lib64"]) mkdirSync(join(rootfs, path), { recursive: true });
  const image = await ensureImage(exec, new State(stateDirectories(process.env)).cache, () => undefined);
  copyFileSync(join(image.rootfs, "bin/busybox"), join(rootfs, "bin/busybox"));
  writeFileSync(join(rootfs, "usr/lib64", libvirt), "");
  await node.startLauncher(pod, rootfs, ["/bin/busybox", "sleep", "600"]);
}

/** Proves one binding from the pod's first sight to its end, with nothing left. */
export async function proveThroughAgent({
  binding,
  address,
  onTap,
  libvirt,
  domain = /./,
}: AgentBinding): Promise<void> {
  await using node = await KubeNode.make();
  node.agent.start();
  const nics = [{ name: "red", binding, ports: [{ port: 8080 }] }];
  const pod = await node.pod({ vm: "guest", nics, listed: false });
  if (libvirt !== undefined) await startLauncher(node, pod, libvirt);
  node.api.list(pod);
  await node.agent.reported(pod, "ATTACHED", 60_000);
  await using guest = new KubeGuest(node, pod);
  const events = await guest.boot(nics);
  const defined = events.filter(({ event }) => event === "defined");
  expect(defined.length).toBe(3);
  expect(defined.at(-1)?.["xml"]).toMatch(domain);
  expect(await guest.inGuest("ip -4 -o addr show eth0")).toContain(address(pod.address));
  const [link] = JSON.parse(await pod.exec(["ip", "-json", "link", "show", "dev", "eth0"])) as readonly {
    readonly address: string;
  }[];
  if (onTap) expect(await guest.inGuest("cat /sys/class/net/eth0/address")).toContain(link?.address);
  expect(await guest.inGuest(serve(pod.uid))).toContain("serving");
  using outside = await Outside.start(node.netns);
  let page = "";
  await waitUntil(async () => {
    page = await outside.fetch(`http://${pod.address}:8080/`).catch(() => "");
    return page !== "";
  }, 20_000);
  expect(page.trim()).toBe(pod.uid);
  expect(await outside.connect(pod.address, 8081)).toBe("ECONNREFUSED");
  expect((await guest.hooks("", {}, ["-shutdown"])).at(-1)).toMatchObject({ event: "shutdown" });
  expect(guest.runs).toBe(true);
  const services = node.agent.serviceUid(pod);
  await guest[Symbol.asyncDispose]();
  await node.removePod(pod);
  await waitUntil(() => node.agent.leftovers().length === 0, 30_000);
  expect(node.agent.leftovers()).toEqual([]);
  expect(processesOfUser(services)).toEqual([]);
}
