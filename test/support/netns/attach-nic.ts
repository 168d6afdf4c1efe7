import type { Attachment, Binding, Plan } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import {
  authorize,
  diffNetwork,
  podLinkOf,
  STANDARD_GRANTS,
  desiredNetwork,
  type DesiredNetwork,
} from "@netbind/engine";
import { applyNetwork, findPlaceholderKind, observe } from "@netbind/netns";
import type { TestNetns } from "./netns.ts";

/** Plans a NIC on its pod link, and applies the plan. */
export async function attachNic(
  pod: TestNetns,
  binding: Binding,
  nic: Partial<Attachment> & { readonly names: Attachment["names"] },
): Promise<Plan> {
  const link = podLinkOf(await observe(pod.exec), nic.names.pod);
  if (link === undefined) throw new Error("the pod has no link");
  const attachment = anAttachment({ ...nic, pod: link });
  const plan = authorize(binding.plan(attachment), { attachment, grants: STANDARD_GRANTS });
  const hasPlaceholder = plan.network?.links.some(({ kind }) => kind === "placeholder") === true;
  const placeholderKind = hasPlaceholder ? await findPlaceholderKind(pod.exec) : "dummy";
  const desired: DesiredNetwork = {
    ...desiredNetwork(attachment.names, plan, link),
    owner: { uid: 107, gid: 107 },
    placeholderKind,
  };
  const keys = (desired.plan.sysctls ?? []).map(({ key }) => key);
  await applyNetwork(pod.exec, diffNetwork(desired, await observe(pod.exec, { sysctls: keys, table: desired.table })));
  return plan;
}

/** A guest without a machine: a namespace whose link is a port of a pod's bridge, as a tap is. */
export async function plugGuest(
  pod: Pick<TestNetns, "exec">,
  guest: TestNetns,
  bridge: string,
  mac: string,
  mtu: number,
): Promise<void> {
  const port = `g${bridge.slice(-6)}`;
  const peer = ["peer", "name", "eth0", "mtu", "1500", "address", mac, "netns", guest.name];
  await pod.exec(["ip", "link", "add", port, "mtu", String(mtu), "type", "veth", ...peer]);
  await pod.exec(["ip", "link", "set", port, "master", bridge, "up"]);
  await guest.exec(["ip", "link", "set", "eth0", "up"]);
}

/** Makes a guest send what it addresses to its own loopback to a gateway instead, as a guest that means harm does. */
export async function sendLoopbackAway(guest: TestNetns, gateway: string): Promise<void> {
  await guest.exec(["ip", "addr", "flush", "dev", "lo"]);
  for (const link of ["all", "eth0"])
    await guest.exec(["sysctl", "-q", "-w", `net.ipv4.conf.${link}.route_localnet=1`]);
  await guest.exec(["ip", "route", "replace", "127.0.0.0/8", "via", gateway, "dev", "eth0", "onlink"]);
}
