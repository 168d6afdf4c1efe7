import { defined } from "@netbind/contract";
import { deviceProblem, findMacvtapResource } from "@netbind/kubevirt/pod";
import { inNetns, type Exec } from "@netbind/netns";
import type { CniCall, EmulatedCniPlugin } from "./emulated-plugin.ts";
import { devicesTaken, missingLowerDevice, noDeviceFile } from "../errors.ts";

/** True where a namespace has a link; the empty path is the machine's own. */
async function hasLink(exec: Exec, netns: string, link: string): Promise<boolean> {
  const execIn = netns === "" ? exec : inNetns(netns, exec);
  return execIn(["ip", "link", "show", "dev", link]).then(
    () => true,
    () => false,
  );
}

/** Makes a link by the command behind a namespace's path, and takes it up there: by one child. */
const ADD = 'netns=$1; shift; "$@" && exec nsenter --net="$netns" -- ip link set dev "$0" up';
/** Deletes a link that is there. */
const DELETE = '! ip link show dev "$0" > /dev/null 2>&1 || exec ip link delete dev "$0"';

/** What of a link its network's author and the VM's say. */
function desiredOf({ config, args }: CniCall): { readonly mac?: string; readonly mtu?: number } {
  const { mtu } = config;
  const runtime = (config["runtimeConfig"] ?? {}) as { readonly mac?: string };
  const mac = runtime.mac ?? args["MAC"];
  return { ...(typeof mtu === "number" && mtu > 0 ? { mtu } : {}), ...defined({ mac }) };
}

/** Reads a macvtap's device number, which the kernel shows under the pod's own /sys alone. */
async function deviceNumber(
  exec: Exec,
  netns: string,
  link: string,
): Promise<readonly [index: string, major: number, minor: number]> {
  const script = 'mount -t sysfs sysfs /sys && cd "/sys/class/net/$1" && cat ifindex tap*/dev';
  const text = await inNetns(netns, exec)(["unshare", "--mount", "sh", "-c", script, "sh", link]);
  const [index = "", major = Number.NaN, minor = Number.NaN] = text
    .trim()
    .split(/[\n:]/)
    .map((part, at) => (at === 0 ? part : Number(part))) as [string, number, number];
  if (!/^\d+$/.test(index) || !Number.isInteger(major) || !Number.isInteger(minor)) throw noDeviceFile(link, text);
  return [index, major, minor];
}

/**
 * Links on an interface of the node, each with a MAC address of its own, as macvtap-cni and its device plugin make them. The
 * interface is the node's, where CNI plugins make theirs; where it has none of that name, the machine's own.
 */
export const macvtap: EmulatedCniPlugin = {
  type: "macvtap",
  check: (request, settings) => {
    const found = deviceProblem(request, settings);
    return found === undefined ? [] : [found.problem];
  },
  allocate: async ({ exec, node, resource, settings, taken }) => {
    const { lowerDevice, mode, capacity } = findMacvtapResource(resource, settings);
    if (taken.length >= capacity) throw devicesTaken(`${capacity} devices`, resource);
    const place = (await hasLink(exec, node, lowerDevice)) ? node : "";
    if (place === "" && !(await hasLink(exec, "", lowerDevice))) throw missingLowerDevice(resource, lowerDevice);
    const free = Array.from({ length: capacity }, (_, at) => `mvtap${at}`).find((id) => !taken.includes(id));
    return { resource, id: free ?? "", facts: { lowerDevice, mode, place } };
  },
  add: async (call) => {
    const { exec, netns, ifname, device } = call;
    const { lowerDevice = "", mode = "", place = "" } = device?.facts ?? {};
    const { mac, mtu } = desiredOf(call);
    const execIn = place === "" ? exec : inNetns(place, exec);
    // Made where it belongs in one step: no unknown link can be left on the node.
    await execIn([
      ...["sh", "-c", ADD, ifname, netns],
      ...["ip", "link", "add", "link", lowerDevice, "name", ifname],
      ...(mac === undefined ? [] : ["address", mac]),
      ...(mtu === undefined ? [] : ["mtu", String(mtu)]),
      ...["netns", netns.replace("/run/netns/", ""), "type", "macvtap", "mode", mode],
    ]);
    return { cniVersion: call.config["cniVersion"], interfaces: [defined({ name: ifname, mac, sandbox: netns })] };
  },
  del: async ({ exec, netns, ifname }) => {
    if (netns !== "") await inNetns(netns, exec)(["sh", "-c", DELETE, ifname]);
  },
  deviceNodes: async ({ exec, netns, ifname }) => {
    const [index, major, minor] = await deviceNumber(exec, netns, ifname);
    return [{ path: `/dev/tap${index}`, major, minor }];
  },
};
