import type { DeviceSettings } from "../referenced-data.ts";

/** The key of the SR-IOV device plugin's ConfigMap. */
export const SRIOV_SETTING = "config.json";
const DEFAULT_PREFIX = "intel.com";
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** A resource of the SR-IOV device plugin. */
export interface SriovResource {
  /** With its prefix: `intel.com/vf`. */
  readonly name: string;
  /** What its devices are chosen by, as it is written: one mapping, or a list of them. */
  readonly selectors: unknown;
  /** Where it stands in the configuration: `resourceList[0]`. */
  readonly where: string;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function readResource(entry: unknown, where: string): SriovResource {
  if (!isObject(entry)) throw new Error(`${where} is not an object`);
  const { resourceName, resourcePrefix = DEFAULT_PREFIX, selectors = {} } = entry;
  if (typeof resourceName !== "string" || !NAME.test(resourceName))
    throw new Error(`${where}.resourceName is not a valid name`);
  if (typeof resourcePrefix !== "string") throw new Error(`${where}.resourcePrefix is not a string`);
  return { name: `${resourcePrefix}/${resourceName}`, selectors, where };
}

function readResources(text: string): readonly SriovResource[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${SRIOV_SETTING} of the SR-IOV device plugin is not valid JSON: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const list = isObject(value) ? value["resourceList"] : undefined;
  if (!Array.isArray(list)) throw new Error(`${SRIOV_SETTING} of the SR-IOV device plugin has no resourceList`);
  return list.map((entry, at) => readResource(entry, `resourceList[${at}]`));
}

/**
 * The resource of a name, by the device plugin's configuration; undefined where there is none: then every resource is all
 * that a machine has. @throws Error where the configuration is not valid, or has none of that name
 */
export function findSriovResource(name: string, settings: DeviceSettings): SriovResource | undefined {
  const text = settings[SRIOV_SETTING];
  if (text === undefined) return undefined;
  const resources = readResources(text);
  const found = resources.find((resource) => resource.name === name);
  if (found !== undefined) return found;
  const known = resources.map((resource) => resource.name).join(", ") || "none";
  throw new Error(
    `the SR-IOV device plugin's ${SRIOV_SETTING} has no resource ${JSON.stringify(name)} (it has ${known})`,
  );
}
