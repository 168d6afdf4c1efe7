import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";
import type { DeviceSettings } from "@netbind/kubevirt";
import { findSriovResource, type SriovResource } from "@netbind/kubevirt/pod";
import { notAListOfStrings, notAnObject, noVirtualFunctions, unknownSelector } from "../errors.ts";

const PCI_DEVICES = "/sys/bus/pci/devices";

/** A virtual function of a NIC of the machine's. */
export interface VirtualFunction {
  /** `DDDD:BB:SS.F`. */
  readonly address: string;
  /** The physical function's link. */
  readonly pf: string;
  /** Its number among the physical function's. */
  readonly index: number;
  readonly vendor: string;
  readonly device: string;
  /** Empty where no driver has it. */
  readonly driver: string;
  /** False where its link was moved away: it is in use. */
  readonly here: boolean;
}

type Selectors = Partial<Record<"vendors" | "devices" | "pciAddresses" | "pfNames", readonly string[]>>;

const SELECTORS: readonly string[] = [
  "vendors",
  "devices",
  "pciAddresses",
  "pfNames",
] satisfies readonly (keyof Selectors)[];
/** What says nothing of which devices are meant: the driver is one that this host gives them itself. */
const IGNORED_SELECTORS: readonly string[] = ["drivers", "isRdma", "needVhostNet", "linkTypes"];

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function readSelectors(value: unknown, where: string): Selectors {
  if (!isObject(value)) throw notAnObject(where);
  const unknown = Object.keys(value).find((key) => !SELECTORS.includes(key) && !IGNORED_SELECTORS.includes(key));
  if (unknown !== undefined) throw unknownSelector(where, unknown, SELECTORS);
  for (const key of SELECTORS) {
    const list = value[key];
    if (list !== undefined && !(Array.isArray(list) && list.every((one) => typeof one === "string")))
      throw notAListOfStrings(`${where}.${key}`);
  }
  return value as Selectors;
}

/** What a resource's devices are chosen by: one of these. */
function selectorsOf({ selectors, where }: SriovResource): readonly Selectors[] {
  const list = Array.isArray(selectors) ? selectors : [selectors];
  return list.map((one, at) => readSelectors(one, `${where}.selectors${Array.isArray(selectors) ? `[${at}]` : ""}`));
}

/** True where a virtual function is among those of `pf`, or `pf#0-3,7`. */
function isAmong({ pf, index }: VirtualFunction, text: string): boolean {
  const [name, ranges] = text.split("#");
  if (name !== pf) return false;
  return (ranges ?? "").split(",").some((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return range === ""
      ? ranges === undefined
      : first !== undefined && last !== undefined && index >= first && index <= last;
  });
}

const isSelected = (vf: VirtualFunction, { vendors, devices, pciAddresses, pfNames }: Selectors): boolean =>
  (vendors === undefined || vendors.includes(vf.vendor)) &&
  (devices === undefined || devices.includes(vf.device)) &&
  (pciAddresses === undefined || pciAddresses.includes(vf.address)) &&
  (pfNames === undefined || pfNames.some((text) => isAmong(vf, text)));

const read = (path: string): string => readFileSync(path, "utf8").trim().replace(/^0x/, "");
const linkTarget = (path: string): string => (existsSync(path) ? basename(readlinkSync(path)) : "");

/** A device of the machine's as a virtual function; undefined where it is none, or its physical function has no link here. */
export function readVirtualFunction(address: string): VirtualFunction | undefined {
  const device = join(PCI_DEVICES, address);
  const physical = join(device, "physfn");
  if (!existsSync(physical)) return undefined;
  const [pf] = existsSync(join(physical, "net")) ? readdirSync(join(physical, "net")) : [];
  const number = readdirSync(physical).find(
    (name) => name.startsWith("virtfn") && linkTarget(join(physical, name)) === address,
  );
  if (pf === undefined || number === undefined) return undefined;
  const driver = linkTarget(join(device, "driver"));
  const net = join(device, "net");
  return {
    address,
    pf,
    index: Number(number.slice("virtfn".length)),
    vendor: read(join(device, "vendor")),
    device: read(join(device, "device")),
    driver,
    here: !existsSync(net) || readdirSync(net).length > 0,
  };
}

const virtualFunctions = (): readonly VirtualFunction[] =>
  existsSync(PCI_DEVICES) ? readdirSync(PCI_DEVICES).flatMap((address) => readVirtualFunction(address) ?? []) : [];

/** The virtual functions of a resource, by address. @throws Error where this machine has no such resource, or none of it */
export function functionsOf(resource: string, settings: DeviceSettings): readonly VirtualFunction[] {
  const found = findSriovResource(resource, settings);
  const selectors = found === undefined ? undefined : selectorsOf(found);
  const functions = virtualFunctions().filter(
    (vf) => selectors === undefined || selectors.some((one) => isSelected(vf, one)),
  );
  if (functions.length > 0) return functions;
  throw noVirtualFunctions(resource);
}
