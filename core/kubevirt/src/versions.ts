/** A minor version of KubeVirt: `9` is 1.9. */
export type KubevirtMinor = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/** The version that is emulated where none is asked for. */
export const NEWEST_KUBEVIRT: KubevirtMinor = 9;

/** A version as people write it: `1.9`. */
export const formatVersion = (minor: number): string => `1.${minor}`;

/** Reads `1.1` to `1.9`, with or without `v` and a patch number; undefined for any other text. */
export function parseVersion(text: string): KubevirtMinor | undefined {
  const minor = Number(/^v?1\.([1-9])(\.\d+)?$/.exec(text)?.[1]);
  return minor >= 1 && minor <= 9 ? (minor as KubevirtMinor) : undefined;
}

const OLDEST_KUBEVIRT: KubevirtMinor = 1;

/** The nearest version that is known to a released one; undefined for a text that is none. Builds between releases have more behind it. */
export function nearestVersion(text: string): KubevirtMinor | undefined {
  const [, major, minor] = /^v?(\d{1,3})\.(\d{1,4})(?=[.+-]|$)/.exec(text) ?? [];
  if (major === undefined) return undefined;
  if (Number(major) !== 1) return Number(major) < 1 ? OLDEST_KUBEVIRT : NEWEST_KUBEVIRT;
  return Math.min(Math.max(Number(minor), OLDEST_KUBEVIRT), NEWEST_KUBEVIRT) as KubevirtMinor;
}

/** True for a version after the newest that is known. */
export function isNewerVersion(text: string): boolean {
  const [, major, minor] = /^v?(\d{1,3})\.(\d{1,4})(?=[.+-]|$)/.exec(text) ?? [];
  return Number(major) > 1 || (Number(major) === 1 && Number(minor) > NEWEST_KUBEVIRT);
}

/** The stages of a feature gate, each with the first version (1.N) that had it there. */
export interface Gate {
  readonly alpha?: number;
  readonly beta?: number;
  readonly ga?: number;
  /** From here on the gate is known, and does nothing. */
  readonly discontinued?: number;
  readonly effect: string;
}

/** A feature gate of KubeVirt's that networking asks for. */
export type GateName =
  | "NetworkBindingPlugins"
  | "HotplugNICs"
  | "DynamicPodInterfaceNaming"
  | "Passt"
  | "Macvtap"
  | "PasstBinding"
  | "LiveUpdateNADRef"
  | "ExternalNetResourceInjection"
  | "PodSecondaryInterfaceNamingUpgrade"
  | "NetworkDevicesWithDRA"
  | "PortRangesSpec";

/** The gates that networking asks for. Source: reference, section 4.7. */
export const GATES: Readonly<Record<GateName, Gate>> = {
  NetworkBindingPlugins: { alpha: 1, beta: 4, ga: 5, effect: "interfaces may name a binding plugin" },
  HotplugNICs: { alpha: 1, beta: 3, ga: 4, effect: "NICs are added to and removed from running VMs" },
  DynamicPodInterfaceNaming: { beta: 4, ga: 5, effect: "the pod's first link need not be eth0" },
  Passt: { alpha: 0, discontinued: 3, effect: "the old core binding passt" },
  Macvtap: { alpha: 0, discontinued: 3, effect: "the old core binding macvtap" },
  PasstBinding: { beta: 8, effect: "the core binding passtBinding" },
  LiveUpdateNADRef: { beta: 8, ga: 9, effect: "a running VM's network may name another NetworkAttachmentDefinition" },
  ExternalNetResourceInjection: {
    beta: 8,
    effect: "KubeVirt does not read NetworkAttachmentDefinitions for device resources",
  },
  PodSecondaryInterfaceNamingUpgrade: { beta: 8, effect: "migration targets have hashed names of links" },
  NetworkDevicesWithDRA: { alpha: 9, effect: "networks may name a resource claim" },
  PortRangesSpec: { alpha: 9, effect: "interfaces may list ranges of ports" },
};

/** The part of the KubeVirt CR that switches gates. */
export interface GateSwitches {
  readonly featureGates?: readonly string[];
  readonly disabledFeatureGates?: readonly string[];
}

/** True where a version knows a gate, and the gate does something there. */
export function hasGate(name: GateName, version: KubevirtMinor): boolean {
  const { alpha, beta, ga, discontinued } = GATES[name];
  return version >= (alpha ?? beta ?? ga ?? 0) && (discontinued === undefined || version < discontinued);
}

/** From this version on a beta gate is on unless it is switched off. */
const BETA_IS_ON_SINCE = 9;

/** True where a gate is on: general availability, then the CR's two lists, then what beta means in that version. */
export function isGateOn(name: GateName, version: KubevirtMinor, switches: GateSwitches = {}): boolean {
  const gate: Gate = GATES[name];
  const reached = (since: number | undefined): boolean => since !== undefined && version >= since;
  if (!hasGate(name, version)) return false;
  if (reached(gate.ga)) return true;
  if (switches.featureGates?.includes(name) === true) return true;
  if (version >= 8 && switches.disabledFeatureGates?.includes(name) === true) return false;
  return reached(gate.beta) && version >= BETA_IS_ON_SINCE;
}
