import type { Attachment, Binding, Plan } from "@netbind/contract";
import { authorize, diffNetwork, podLinkOf, STANDARD_GRANTS, wantedNetwork, type WantedNetwork } from "@netbind/engine";
import { applyNetwork, findPlaceholderKind, observe } from "@netbind/netns";
import { anAttachment } from "./attachment.ts";
import type { TestNetns } from "./netns.ts";

/** Plans a NIC on its pod link, and applies the plan. */
export async function attachNic(
  pod: TestNetns,
  binding: Binding,
  nic: Partial<Attachment> & { readonly names: Attachment["names"] },
): Promise<Plan> {
  const link = podLinkOf(await observe(pod.run), nic.names.pod);
  if (link === undefined) throw new Error("the pod has no link");
  const attachment = anAttachment({ ...nic, pod: link });
  const plan = authorize(binding.plan(attachment), { attachment, grants: STANDARD_GRANTS });
  const hasPlaceholder = plan.network?.links.some(({ kind }) => kind === "placeholder") === true;
  const placeholderKind = hasPlaceholder ? await findPlaceholderKind(pod.run) : "dummy";
  const wanted: WantedNetwork = { ...wantedNetwork(attachment.names, plan, link), owner: { uid: 107, gid: 107 }, placeholderKind };
  const keys = (wanted.plan.sysctls ?? []).map(({ key }) => key);
  await applyNetwork(pod.run, diffNetwork(wanted, await observe(pod.run, { sysctls: keys, table: wanted.table })));
  return plan;
}

/** A guest without a machine: a namespace whose link is a port of a pod's bridge, as a tap is. */
export async function plugGuest(pod: Pick<TestNetns, "run">, guest: TestNetns, bridge: string, mac: string, mtu: number): Promise<void> {
  const port = `g${bridge.slice(-6)}`;
  const peer = ["peer", "name", "eth0", "mtu", "1500", "address", mac, "netns", guest.name];
  await pod.run(["ip", "link", "add", port, "mtu", String(mtu), "type", "veth", ...peer]);
  await pod.run(["ip", "link", "set", port, "master", bridge, "up"]);
  await guest.run(["ip", "link", "set", "eth0", "up"]);
}

/** Makes a guest send what it addresses to its own loopback to a gateway instead, as a guest that means harm does. */
export async function sendLoopbackAway(guest: TestNetns, gateway: string): Promise<void> {
  await guest.run(["ip", "addr", "flush", "dev", "lo"]);
  for (const link of ["all", "eth0"]) await guest.run(["sysctl", "-q", "-w", `net.ipv4.conf.${link}.route_localnet=1`]);
  await guest.run(["ip", "route", "replace", "127.0.0.0/8", "via", gateway, "dev", "eth0", "onlink"]);
}
