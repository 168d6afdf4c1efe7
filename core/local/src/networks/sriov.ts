import { createHash } from "node:crypto";
import type { DeviceSettings } from "@netbind/kubevirt";
import { deviceInfoVariable, deviceProblem, deviceVariable, type PodNetworkRequest } from "@netbind/kubevirt/pod";
import type { Exec } from "@netbind/netns";
import type { AllocatedDevice, CniCall, EmulatedCniPlugin } from "./emulated-plugin.ts";
import { functionsOf, readVirtualFunction, type VirtualFunction } from "./sriov-resources.ts";
import {
  configProblems,
  configuredSettings,
  NO_MAC,
  readSettings,
  settingProblems,
  settingsOf,
  settingWords,
  type VfSettings,
} from "./vf-settings.ts";
import { bindVfio, hasDevice, releaseVfio, vfioNodes } from "./vfio.ts";
import { devicesTaken, missingVirtualFunction } from "../errors.ts";

/** What the physical function says of one of its virtual ones. */
async function seeSettings(exec: Exec, pf: string, index: number): Promise<VfSettings> {
  const settings = readSettings(await exec(["ip", "-json", "link", "show", "dev", pf]), index);
  if (settings === undefined) throw missingVirtualFunction(pf, index);
  return settings;
}

/** How the function is before anything is changed, as text: what it is given back as. */
const factsOf = async (
  exec: Exec,
  { pf, index, driver }: VirtualFunction,
): Promise<Readonly<Record<string, string>>> => ({
  ...{ pf, index: String(index), driver },
  ...(await seeSettings(exec, pf, index)),
});

const factsOfCall = ({ device }: CniCall): Readonly<Record<string, string>> => device?.facts ?? {};

/** Where a function is set: its physical one may have another name by now. */
function placeOf(call: CniCall): { readonly pf: string; readonly index: number } {
  const { pf = "", index = "" } = factsOfCall(call);
  return readVirtualFunction(call.device?.id ?? "") ?? { pf, index: Number(index) };
}

/** The author's MAC address, the configuration's, the function's own; or one that stays with the VM's link. */
function macOf({ config, args, ifname, device }: CniCall): string {
  const runtime = (config["runtimeConfig"] ?? {}) as { readonly mac?: string };
  const given = runtime.mac ?? args["MAC"] ?? (config["mac"] as string | undefined);
  const own = device?.facts?.["mac"] ?? NO_MAC;
  if (given !== undefined || own !== NO_MAC) return (given ?? own).toLowerCase();
  const digits = createHash("sha256")
    .update(`${args["K8S_POD_NAMESPACE"]}/${args["K8S_POD_NAME"]}/${ifname}`)
    .digest("hex")
    .slice(0, 10);
  return ["02", ...(digits.match(/../g) ?? [])].join(":");
}

/** What differs is set, and nothing else: many drivers can only report a setting, not change it. */
async function setVf(
  call: CniCall,
  desired: VfSettings,
  seen: (observed: VfSettings) => VfSettings = (observed) => observed,
): Promise<void> {
  const { pf, index } = placeOf(call);
  const words = settingWords(desired, seen(await seeSettings(call.exec, pf, index)));
  if (words.length === 0) return;
  await call.exec(["ip", "link", "set", "dev", pf, "vf", String(index), ...words]).catch((error: Error) => {
    // With the words: one of them is what the driver refuses.
    throw new Error(error.message, { cause: error });
  });
}

const withoutMac = ({ mac: _, ...others }: VfSettings): VfSettings => others;

/** How a function is while its VM has it: as its network says, and where that says nothing, as it was. */
function desiredOf(call: CniCall): VfSettings {
  const desired = { ...settingsOf(factsOfCall(call)), ...configuredSettings(call.config), mac: macOf(call) };
  // A guest that is trusted may take another MAC address.
  return desired.trust === "on" ? withoutMac(desired) : desired;
}

function allocated(resource: string, address: string, facts: Readonly<Record<string, string>>): AllocatedDevice {
  return {
    ...{ resource, id: address, facts },
    env: {
      [deviceVariable(resource)]: address,
      [deviceInfoVariable(resource)]: JSON.stringify({
        [address]: { generic: { deviceID: address }, vfio: { mount: "/dev/vfio/vfio" } },
      }),
    },
    info: { type: "pci", version: "1.1.0", pci: { "pci-address": address } },
  };
}

/** What is in the way of a network's device: by the device plugin's settings, and on this machine. */
function resourceProblems(request: PodNetworkRequest, settings: DeviceSettings): readonly string[] {
  const found = deviceProblem(request, settings);
  if (found !== undefined) return [found.problem];
  try {
    functionsOf(request.resourceName ?? "", settings);
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

/**
 * Virtual functions of the machine's NICs, as the SR-IOV device plugin allocates and sriov-cni sets them up: MAC address, VLAN
 * and spoof check by way of the physical function, the driver vfio-pci, and all of it as it was when the VM is gone.
 */
export const sriov: EmulatedCniPlugin = {
  type: "sriov",
  check: (request, settings) => [
    ...resourceProblems(request, settings),
    ...(request.config?.plugins.flatMap((plugin) => (plugin.type === "sriov" ? configProblems(plugin) : [])) ?? []),
  ],
  allocate: async ({ exec, resource, settings, taken }) => {
    const functions = functionsOf(resource, settings);
    const free = functions.find(({ address, here }) => here && !taken.includes(address));
    if (free === undefined) throw devicesTaken(`${functions.length} virtual functions`, resource);
    return allocated(resource, free.address, await factsOf(exec, free));
  },
  add: async (call) => {
    const { ifname, config, device, netns } = call;
    const mac = macOf(call);
    // An address that is set, be it the one that is there, is one that the guest cannot change.
    await setVf(call, { ...configuredSettings(config), mac }, withoutMac);
    await bindVfio(call.exec, device?.id ?? "");
    return { cniVersion: config["cniVersion"], interfaces: [{ name: ifname, mac, sandbox: netns }] };
  },
  del: async (call) => {
    const facts = factsOfCall(call);
    const address = call.device?.id ?? "";
    if (!hasDevice(address)) return;
    // Its driver reads the MAC address from there, once.
    await setVf(call, settingsOf(facts));
    await releaseVfio(address, facts["driver"] ?? "");
  },
  findDrift: async (call) => {
    const { pf, index } = placeOf(call);
    return settingProblems(desiredOf(call), await seeSettings(call.exec, pf, index));
  },
  repair: (call) => setVf(call, desiredOf(call)),
  deviceNodes: async ({ device }) => vfioNodes(device?.id ?? ""),
};
