import { createHash } from "node:crypto";
import { isMacAddress } from "@netbind/contract";
import { type CniPluginConfig, deviceInfoVariable, deviceVariable } from "@netbind/engine";
import type { Run } from "@netbind/netns";
import type { AllocatedDevice, HostCall, HostPlugin } from "./host-plugin.ts";
import { functionsOf, type VirtualFunction } from "./sriov-resources.ts";
import { bindVfio, vfioNodes, releaseVfio } from "./vfio.ts";

/** A virtual function as `ip -json link` tells of it. */
interface IpVf {
  readonly vf: number;
  readonly address?: string;
  readonly vlan_list?: readonly { readonly vlan: number; readonly qos?: number }[];
  readonly spoofchk?: boolean;
  readonly trust?: boolean;
}

const NO_MAC = "00:00:00:00:00:00";
const isIn = (value: unknown, least: number, most: number): boolean =>
  Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
const isSwitch = (value: unknown): boolean => value === "on" || value === "off";
const ANY = (): boolean => true;

/** What sriov-cni's configuration may say of a virtual function, and what each must be. Source: its configuration reference. */
const SETTINGS: Readonly<Record<string, readonly [check: (value: unknown) => boolean, form: string]>> = {
  vlan: [(value) => isIn(value, 0, 4094), "a VLAN from 0 to 4094"],
  vlanQoS: [(value) => isIn(value, 0, 7), "a priority from 0 to 7"],
  vlanProto: [(value) => /^802\.1(q|ad)$/i.test(String(value)), "802.1q or 802.1ad"],
  mac: [(value) => isMacAddress(String(value)), "a MAC address"],
  spoofchk: [isSwitch, "on or off"],
  trust: [isSwitch, "on or off"],
  link_state: [(value) => ["auto", "enable", "disable"].includes(String(value)), "auto, enable or disable"],
  ...Object.fromEntries(
    [
      "type",
      "cniVersion",
      "name",
      "ipam",
      "capabilities",
      "runtimeConfig",
      "args",
      "deviceID",
      "pciBusID",
      "prevResult",
      "logLevel",
      "logFile",
      "dns",
    ].map((key) => [key, [ANY, ""]]),
  ),
};

function configProblem(config: CniPluginConfig): string | undefined {
  for (const [key, value] of Object.entries(config)) {
    const [check, form] = SETTINGS[key] ?? [];
    if (check === undefined) return `its sriov configuration has ${JSON.stringify(key)}, which this machine does not set: remove it`;
    if (!check(value)) return `its sriov configuration has ${key} ${JSON.stringify(value)}, which is not ${form}`;
  }
  const { ipam } = config as { readonly ipam?: { readonly type?: unknown } };
  return ipam?.type === undefined
    ? undefined
    : "its ipam gives an address, and the pod has no link that could have it: the guest asks on its network";
}

async function readVf(run: Run, pf: string, index: number): Promise<IpVf> {
  const [link] = JSON.parse(await run(["ip", "-json", "link", "show", "dev", pf])) as readonly { readonly vfinfo_list?: readonly IpVf[] }[];
  const found = link?.vfinfo_list?.find(({ vf }) => vf === index);
  if (found === undefined) throw new Error(`link ${pf} has no virtual function ${index}`);
  return found;
}

/** How the function is before anything is changed, as text: what it is given back as. */
async function factsOf(run: Run, { pf, index, driver }: VirtualFunction): Promise<Readonly<Record<string, string>>> {
  const { address = NO_MAC, vlan_list: [tag] = [], spoofchk, trust } = await readVf(run, pf, index);
  return {
    ...{ pf, index: String(index), driver, mac: address, vlan: String(tag?.vlan ?? 0), qos: String(tag?.qos ?? 0) },
    ...(spoofchk === undefined ? {} : { spoofchk: spoofchk ? "on" : "off" }),
    ...(trust === undefined ? {} : { trust: trust ? "on" : "off" }),
  };
}

const factsOfCall = ({ device }: HostCall): Readonly<Record<string, string>> => device?.facts ?? {};

/** The author's MAC address, the configuration's, the function's own; or one that stays with the VM's link. */
function macOf({ config, args, ifname, device }: HostCall): string {
  const runtime = (config["runtimeConfig"] ?? {}) as { readonly mac?: string };
  const given = runtime.mac ?? args["MAC"] ?? (config["mac"] as string | undefined);
  const own = device?.facts?.["mac"] ?? NO_MAC;
  if (given !== undefined || own !== NO_MAC) return (given ?? own).toLowerCase();
  const digits = createHash("sha256").update(`${args["K8S_POD_NAMESPACE"]}/${args["K8S_POD_NAME"]}/${ifname}`).digest("hex").slice(0, 10);
  return ["02", ...(digits.match(/../g) ?? [])].join(":");
}

/** Sets what the configuration speaks of, to what it says or to what was before. */
async function setVf(call: HostCall, mac: string, values: Readonly<Record<string, unknown>>): Promise<void> {
  const { pf = "", index = "" } = factsOfCall(call);
  const {
    vlan,
    vlanQoS = 0,
    vlanProto,
    spoofchk,
    trust,
    link_state: state,
  } = values as Readonly<Record<string, string | number | undefined>>;
  const words = (name: string, value: string | number | undefined): readonly string[] => (value === undefined ? [] : [name, String(value)]);
  await call.run([
    ...["ip", "link", "set", "dev", pf, "vf", index, "mac", mac],
    ...(vlan === undefined ? [] : ["vlan", String(vlan), "qos", String(vlanQoS), ...words("proto", vlanProto)]),
    ...[...words("spoofchk", spoofchk), ...words("trust", trust), ...words("state", state)],
  ]);
}

/** The values that the configuration's settings had before. */
function valuesBefore({ config, device }: HostCall): Readonly<Record<string, string>> {
  const { vlan = "0", qos = "0", spoofchk, trust } = device?.facts ?? {};
  return {
    ...(config["vlan"] === undefined ? {} : { vlan, vlanQoS: qos }),
    ...(config["spoofchk"] === undefined || spoofchk === undefined ? {} : { spoofchk }),
    ...(config["trust"] === undefined || trust === undefined ? {} : { trust }),
    ...(config["link_state"] === undefined ? {} : { link_state: "auto" }),
  };
}

function allocated(resource: string, address: string, facts: Readonly<Record<string, string>>): AllocatedDevice {
  return {
    ...{ resource, id: address, facts },
    env: {
      [deviceVariable(resource)]: address,
      [deviceInfoVariable(resource)]: JSON.stringify({ [address]: { generic: { deviceID: address }, vfio: { mount: "/dev/vfio/vfio" } } }),
    },
    info: { type: "pci", version: "1.1.0", pci: { "pci-address": address } },
  };
}

/**
 * Virtual functions of the machine's NICs, as the SR-IOV device plugin allocates and sriov-cni sets them up: MAC address, VLAN
 * and spoof check by way of the physical function, the driver vfio-pci, and all of it as it was when the VM is gone.
 */
export const sriov: HostPlugin = {
  type: "sriov",
  check: ({ resourceName = "", config }, settings) => {
    if (resourceName === "")
      return "an sriov network takes a device: annotate its definition with k8s.v1.cni.cncf.io/resourceName: <prefix>/<name>";
    try {
      functionsOf(resourceName, settings);
    } catch (error) {
      return (error as Error).message;
    }
    return config?.plugins.flatMap((plugin) => (plugin.type === "sriov" ? (configProblem(plugin) ?? []) : []))[0];
  },
  allocate: async ({ run, resource, settings, taken }) => {
    const functions = functionsOf(resource, settings);
    const free = functions.find(({ address, here }) => here && !taken.includes(address));
    if (free === undefined) throw new Error(`all ${functions.length} virtual functions of ${resource} are taken`);
    return allocated(resource, free.address, await factsOf(run, free));
  },
  add: async (call) => {
    const { ifname, config, device, netns } = call;
    const mac = macOf(call);
    await setVf(call, mac, config);
    await bindVfio(call.run, device?.id ?? "");
    return { cniVersion: config["cniVersion"], interfaces: [{ name: ifname, mac, sandbox: netns }] };
  },
  del: async (call) => {
    const { mac = NO_MAC, driver = "" } = factsOfCall(call);
    if (!(await releaseVfio(call.device?.id ?? "", driver))) return;
    await setVf(call, mac, valuesBefore(call));
  },
  deviceNodes: async ({ device }) => vfioNodes(device?.id ?? ""),
};
