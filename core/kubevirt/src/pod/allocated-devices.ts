import { isVdpaDevice } from "@netbind/domain";

const PCI_ADDRESS = /^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/i;

/** True for the text of a PCI address: `DDDD:BB:SS.F`. */
export const isPciAddress = (text: unknown): text is string => typeof text === "string" && PCI_ADDRESS.test(text);

const DEVICES = "/dev/";

/** A container's environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The variable in which the SR-IOV device plugin lists a resource's devices: `PCIDEVICE_INTEL_COM_SRIOV_NET`. */
export const deviceVariable = (resource: string): string =>
  `PCIDEVICE_${resource.toUpperCase().replaceAll(/[./-]/g, "_")}`;

/** The variable in which it describes each, as a JSON object by address. Its name begins like the other's. */
export const deviceInfoVariable = (resource: string): string => `${deviceVariable(resource)}_INFO`;

/**
 * What the SR-IOV device plugin reports of a device that is the base of a vDPA device: the path of its character
 * device.
 */
type DeviceDetails = { readonly vdpa?: { readonly mount?: unknown } | null } | null;

function detailsOf(text: string | undefined): Readonly<Record<string, DeviceDetails>> {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, DeviceDetails>)
      : {};
  } catch {
    return {};
  }
}

/** The name of the character device that belongs to a device; undefined where it is not the base of a vDPA device. */
function vdpaDeviceOf(details: DeviceDetails): readonly string[] {
  const path = details?.vdpa?.mount;
  if (typeof path !== "string" || !path.startsWith(DEVICES)) return [];
  const name = path.slice(DEVICES.length);
  return isVdpaDevice(name) ? [name] : [];
}

/**
 * The devices of a resource that a pod was allocated: PCI addresses in the order in which its environment lists them,
 * then the names of vDPA devices. Only the two variables of that very resource are read: `PCIDEVICE_A_COM_NET` is not
 * part of `PCIDEVICE_A_COM_NET_2`.
 */
export function allocatedDevices(environment: Environment, resource: string): readonly string[] {
  const listed = environment[deviceVariable(resource)];
  const details = detailsOf(environment[deviceInfoVariable(resource)]);
  const reported = listed === undefined ? Object.keys(details) : listed.split(",").map((one) => one.trim());
  return [...new Set([...reported.filter(isPciAddress), ...Object.values(details).flatMap(vdpaDeviceOf)])];
}

/**
 * What a pod's containers receive about several devices: lists are joined, and objects merged, variable by variable.
 */
export function mergeDeviceVariables(environments: readonly Environment[]): Readonly<Record<string, string>> {
  const merged: Record<string, string> = {};
  for (const [key, value = ""] of environments.flatMap((environment) => Object.entries(environment))) {
    const earlier = merged[key];
    if (earlier === undefined) merged[key] = value;
    else if (key.endsWith("_INFO"))
      merged[key] = JSON.stringify({ ...(JSON.parse(earlier) as object), ...(JSON.parse(value) as object) });
    else merged[key] = `${earlier},${value}`;
  }
  return merged;
}
