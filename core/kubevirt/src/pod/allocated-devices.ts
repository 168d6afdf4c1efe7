const PCI_ADDRESS = /^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/i;

/** True for the text of a PCI address: `DDDD:BB:SS.F`. */
export const isPciAddress = (text: unknown): text is string => typeof text === "string" && PCI_ADDRESS.test(text);

/** A container's environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The variable in which the SR-IOV device plugin lists a resource's devices: `PCIDEVICE_INTEL_COM_SRIOV_NET`. */
export const deviceVariable = (resource: string): string => `PCIDEVICE_${resource.toUpperCase().replaceAll(/[./-]/g, "_")}`;

/** The variable in which it tells more of each, as a JSON object by address. Its name begins like the other's. */
export const deviceInfoVariable = (resource: string): string => `${deviceVariable(resource)}_INFO`;

function keysOf(text: string | undefined): readonly string[] {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
  } catch {
    return [];
  }
}

/**
 * The PCI devices of a resource that a pod was allocated, in the order in which its environment lists them. Only the two
 * variables of that very resource are read: `PCIDEVICE_A_COM_NET` is no part of what `PCIDEVICE_A_COM_NET_2` says.
 */
export function allocatedDevices(environment: Environment, resource: string): readonly string[] {
  const listed = environment[deviceVariable(resource)];
  const reported = listed === undefined ? keysOf(environment[deviceInfoVariable(resource)]) : listed.split(",").map((one) => one.trim());
  return [...new Set(reported.filter(isPciAddress))];
}

/** What a pod's containers are told of several devices: lists are joined, and objects merged, variable by variable. */
export function mergeDeviceVariables(environments: readonly Environment[]): Readonly<Record<string, string>> {
  const merged: Record<string, string> = {};
  for (const [key, value = ""] of environments.flatMap((environment) => Object.entries(environment))) {
    const before = merged[key];
    if (before === undefined) merged[key] = value;
    else if (key.endsWith("_INFO")) merged[key] = JSON.stringify({ ...(JSON.parse(before) as object), ...(JSON.parse(value) as object) });
    else merged[key] = `${before},${value}`;
  }
  return merged;
}
