import type { DeviceSettings } from "../referenced-data.ts";

/** What the device plugin's resources are named below. */
export const MACVTAP_RESOURCES = "macvtap.network.kubevirt.io/";
const MODES: readonly unknown[] = ["bridge", "private", "vepa", "passthru"];
const DEFAULT_CAPACITY = 100;
const MOST_CAPACITY = 1000;
const LINK = /^[^\s/]{1,15}$/;
/** The setting, and the key of the device plugin's ConfigMap. */
export const MACVTAP_SETTING = "DP_MACVTAP_CONF";

/** A resource of macvtap's device plugin: links on one interface of the node. */
export interface MacvtapResource {
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
  const text = settings[MACVTAP_SETTING]?.trim() ?? "";
  let list: unknown;
  try {
    list = text === "" ? [] : JSON.parse(text);
  } catch (error) {
    throw new Error(`${MACVTAP_SETTING} is not valid JSON: ${(error as Error).message}`, { cause: error });
  }
  if (!Array.isArray(list)) throw new Error(`${MACVTAP_SETTING} is not a list`);
  for (const [at, entry] of list.entries()) {
    const problem = entryProblem((entry ?? {}) as Entry);
    if (problem !== undefined) throw new Error(`${MACVTAP_SETTING}[${at}]: ${problem}`);
  }
  return list as readonly Entry[];
}

/** The resource of a name, by the device plugin's setting. @throws Error where the setting is not valid, or has none of that name */
export function findMacvtapResource(name: string, settings: DeviceSettings): MacvtapResource {
  const entries = readEntries(settings);
  const own = name.startsWith(MACVTAP_RESOURCES) ? name.slice(MACVTAP_RESOURCES.length) : "";
  const entry = entries.find((one) => one.name === own);
  if (entry !== undefined) {
    const { lowerDevice, mode = "bridge", capacity = DEFAULT_CAPACITY } = entry;
    return { lowerDevice: String(lowerDevice), mode: String(mode), capacity: Number(capacity) };
  }
  if (entries.length === 0 && LINK.test(own)) return { lowerDevice: own, mode: "bridge", capacity: DEFAULT_CAPACITY };
  const known =
    entries.map((one) => `${MACVTAP_RESOURCES}${String(one.name)}`).join(", ") ||
    `${MACVTAP_RESOURCES}<link of the node>`;
  throw new Error(`${MACVTAP_SETTING} has no resource ${JSON.stringify(name)} (it has ${known})`);
}
