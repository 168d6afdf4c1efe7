import { defined } from "@netbind/contract";
import type { DeviceSettings } from "@netbind/kubevirt";
import { inNetns, type Exec } from "@netbind/netns";
import type { CniCall, EmulatedCniPlugin } from "./emulated-plugin.ts";

/** What the device plugin's resources are named below. */
const RESOURCES = "macvtap.network.kubevirt.io/";
const MODES: readonly unknown[] = ["bridge", "private", "vepa", "passthru"];
const DEFAULT_CAPACITY = 100;
const MOST_CAPACITY = 1000;
const LINK = /^[^\s/]{1,15}$/;
/** The setting, and the key of the device plugin's ConfigMap. */
const SETTING = "DP_MACVTAP_CONF";

/** A resource: links on one interface of the node. */
interface Resource {
  readonly lowerDevice: string;
  readonly mode: string;
  readonly capacity: number;
}

type Entry = Partial<Record<"name" | "lowerDevice" | "mode" | "capacity", unknown>>;

function entryProblem({ name, lowerDevice, mode = "bridge", capacity = DEFAULT_CAPACITY }: Entry): string | undefined {
  if (typeof name !== "string" || name === "") return "name is not a string";
  if (typeof lowerDevice !== "string" || !LINK.test(lowerDevice)) return "lowerDevice does not name a link";
  if (!MODES.includes(mode)) return `mode ${JSON.stringify(mode)} is not one of ${MODES.join(", ")}`;
  return Number.isInteger(capacity) && Number(capacity) >= 1 && Number(capacity) <= MOST_CAPACITY
    ? undefined
    : `capacity ${JSON.stringify(capacity)} is not between 1 and ${MOST_CAPACITY}`;
}

/** The setting's entries. Where there is none, or an empty list, every link of the node is a resource of its own name. */
function readEntries(settings: DeviceSettings): readonly Entry[] {
  const text = settings[SETTING]?.trim() ?? "";
  let list: unknown;
  try {
    list = text === "" ? [] : JSON.parse(text);
  } catch (error) {
    throw new Error(`${SETTING} is not valid JSON: ${(error as Error).message}`, { cause: error });
  }
  if (!Array.isArray(list)) throw new Error(`${SETTING} is not a list`);
  for (const [at, entry] of list.entries()) {
    const problem = entryProblem((entry ?? {}) as Entry);
    if (problem !== undefined) throw new Error(`${SETTING}[${at}]: ${problem}`);
  }
  return list as readonly Entry[];
}

/** The resource of a name. @throws Error where the node has none of it */
function findResource(name: string, settings: DeviceSettings): Resource {
  const entries = readEntries(settings);
  const own = name.startsWith(RESOURCES) ? name.slice(RESOURCES.length) : "";
  const entry = entries.find((one) => one.name === own);
  if (entry !== undefined) {
    const { lowerDevice, mode = "bridge", capacity = DEFAULT_CAPACITY } = entry;
    return { lowerDevice: String(lowerDevice), mode: String(mode), capacity: Number(capacity) };
  }
  if (entries.length === 0 && LINK.test(own)) return { lowerDevice: own, mode: "bridge", capacity: DEFAULT_CAPACITY };
  const known = entries.map((one) => `${RESOURCES}${String(one.name)}`).join(", ") || `${RESOURCES}<link of the node>`;
  throw new Error(`${SETTING} has no resource ${JSON.stringify(name)} (it has ${known})`);
}

/** True where a namespace has a link; the empty path is the machine's own. */
async function hasLink(exec: Exec, netns: string, link: string): Promise<boolean> {
  const execIn = netns === "" ? exec : inNetns(netns, exec);
  return execIn(["ip", "link", "show", "dev", link]).then(
    () => true,
    () => false,
  );
}

/** What of a link its network's author and the VM's say. */
function desiredOf({ config, args }: CniCall): { readonly mac?: string; readonly mtu?: number } {
  const { mtu } = config;
  const runtime = (config["runtimeConfig"] ?? {}) as { readonly mac?: string };
  const mac = runtime.mac ?? args["MAC"];
  return { ...(typeof mtu === "number" && mtu > 0 ? { mtu } : {}), ...defined({ mac }) };
}

/** Reads a macvtap's device number, which the kernel shows under the pod's own /sys alone. */
async function deviceNumber(exec: Exec, netns: string, link: string): Promise<readonly [index: string, major: number, minor: number]> {
  const script = 'mount -t sysfs sysfs /sys && cd "/sys/class/net/$1" && cat ifindex tap*/dev';
  const text = await inNetns(netns, exec)(["unshare", "--mount", "sh", "-c", script, "sh", link]);
  const [index = "", major = Number.NaN, minor = Number.NaN] = text
    .trim()
    .split(/[\n:]/)
    .map((part, at) => (at === 0 ? part : Number(part))) as [string, number, number];
  if (!/^\d+$/.test(index) || !Number.isInteger(major) || !Number.isInteger(minor))
    throw new Error(`link ${link} has no device file: ${text}`);
  return [index, major, minor];
}

/**
 * Links on an interface of the node, each with a MAC address of its own, as macvtap-cni and its device plugin make them. The
 * interface is the node's, where CNI plugins make theirs; where it has none of that name, the machine's own.
 */
export const macvtap: EmulatedCniPlugin = {
  type: "macvtap",
  check: ({ resourceName = "" }, settings) => {
    if (resourceName === "")
      return [`a macvtap network takes a device: annotate its definition with k8s.v1.cni.cncf.io/resourceName: ${RESOURCES}<name>`];
    try {
      findResource(resourceName, settings);
      return [];
    } catch (error) {
      return [(error as Error).message];
    }
  },
  allocate: async ({ exec, node, resource, settings, taken }) => {
    const { lowerDevice, mode, capacity } = findResource(resource, settings);
    if (taken.length >= capacity) throw new Error(`all ${capacity} devices of ${resource} are taken`);
    const place = (await hasLink(exec, node, lowerDevice)) ? node : "";
    if (place === "" && !(await hasLink(exec, "", lowerDevice)))
      throw new Error(`${resource} is on the link "${lowerDevice}", which neither the node's network nor this machine has`);
    const free = Array.from({ length: capacity }, (_, at) => `mvtap${at}`).find((id) => !taken.includes(id));
    return { resource, id: free ?? "", facts: { lowerDevice, mode, place } };
  },
  add: async (call) => {
    const { exec, netns, ifname, device } = call;
    const { lowerDevice = "", mode = "", place = "" } = device?.facts ?? {};
    const { mac, mtu } = desiredOf(call);
    const execIn = place === "" ? exec : inNetns(place, exec);
    // Made where it belongs in one step: a link that nobody is told of cannot be left on the node.
    await execIn([
      ...["ip", "link", "add", "link", lowerDevice, "name", ifname],
      ...(mac === undefined ? [] : ["address", mac]),
      ...(mtu === undefined ? [] : ["mtu", String(mtu)]),
      ...["netns", netns.replace("/run/netns/", ""), "type", "macvtap", "mode", mode],
    ]);
    await inNetns(netns, exec)(["ip", "link", "set", "dev", ifname, "up"]);
    return { cniVersion: call.config["cniVersion"], interfaces: [defined({ name: ifname, mac, sandbox: netns })] };
  },
  del: async ({ exec, netns, ifname }) => {
    if (netns !== "" && (await hasLink(exec, netns, ifname))) await inNetns(netns, exec)(["ip", "link", "delete", "dev", ifname]);
  },
  deviceNodes: async ({ exec, netns, ifname }) => {
    const [index, major, minor] = await deviceNumber(exec, netns, ifname);
    return [{ path: `/dev/tap${index}`, major, minor }];
  },
};
