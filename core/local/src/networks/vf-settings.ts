import { defined, isMacAddress } from "@netbind/contract";
import type { CniPluginConfig } from "@netbind/kubevirt/pod";

/** What of a virtual function is set by way of its physical one, in the words of `ip link set ... vf`. */
const NAMES = ["mac", "vlan", "qos", "proto", "spoofchk", "trust", "state"] as const;
type Name = (typeof NAMES)[number];
/** What belongs to a VLAN is set with it. */
const OF_VLAN: readonly Name[] = ["vlan", "qos", "proto"];
const PROTOCOL = "802.1q";

/** Values by name. What the NIC's driver does not report is absent. */
export type VfSettings = Readonly<Partial<Record<Name, string>>>;

/** A virtual function as `ip -json link` reports it. */
interface IpVf {
  readonly vf: number;
  readonly address?: string;
  readonly vlan_list?: readonly { readonly vlan?: number; readonly qos?: number; readonly protocol?: string }[];
  readonly spoofchk?: boolean;
  readonly trust?: boolean;
  readonly link_state?: string;
}

export const NO_MAC = "00:00:00:00:00:00";
const isIn = (value: unknown, least: number, most: number): boolean =>
  Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
const isSwitch = (value: unknown): boolean => value === "on" || value === "off";
const isAny = (): boolean => true;

/** What sriov-cni's configuration may say of a virtual function, and what each must be. Source: its configuration reference. */
const CONFIGURATION: Readonly<Record<string, readonly [check: (value: unknown) => boolean, form: string]>> = {
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
      "prevResult",
      "logLevel",
      "logFile",
      "dns",
    ]
      .concat("deviceID", "pciBusID")
      .map((key) => [key, [isAny, ""]]),
  ),
};

/** What is wrong with a configuration of sriov-cni's, a sentence each. */
export function configProblems(config: CniPluginConfig): readonly string[] {
  const wrong = Object.entries(config).flatMap(([key, value]) => {
    const [check, form] = CONFIGURATION[key] ?? [];
    if (check === undefined)
      return [`its sriov configuration has ${JSON.stringify(key)}, which netbind does not set: remove it`];
    return check(value) ? [] : [`its sriov configuration has ${key} ${JSON.stringify(value)}, which is not ${form}`];
  });
  const { ipam } = config as { readonly ipam?: { readonly type?: unknown } };
  return ipam?.type === undefined
    ? wrong
    : [
        ...wrong,
        "its ipam assigns an address, and the pod has no link for it: remove the ipam, because the guest requests an address itself",
      ];
}

const textOf = (value: unknown): string | undefined => (value === undefined ? undefined : String(value));

/** The settings that a configuration speaks of. */
export function configuredSettings(config: CniPluginConfig): VfSettings {
  const {
    vlan,
    vlanQoS = 0,
    vlanProto = PROTOCOL,
    spoofchk,
    trust,
    link_state: state,
  } = config as Readonly<Record<string, unknown>>;
  const tag =
    vlan === undefined ? {} : { vlan: String(vlan), qos: String(vlanQoS), proto: String(vlanProto).toLowerCase() };
  return { ...tag, ...defined({ spoofchk: textOf(spoofchk), trust: textOf(trust), state: textOf(state) }) };
}

const switchText = (on: boolean | undefined): string | undefined => (on === undefined ? undefined : on ? "on" : "off");

/** Reads a physical function's `ip -json link show`. Undefined where it has no virtual function of that number. */
export function readSettings(text: string, index: number): VfSettings | undefined {
  const [link] = JSON.parse(text) as readonly { readonly vfinfo_list?: readonly IpVf[] }[];
  const found = link?.vfinfo_list?.find(({ vf }) => vf === index);
  if (found === undefined) return undefined;
  const { address = NO_MAC, vlan_list: [tag = {}] = [], spoofchk, trust, link_state: state } = found;
  return defined({
    mac: address.toLowerCase(),
    vlan: String(tag.vlan ?? 0),
    qos: String(tag.qos ?? 0),
    proto: (tag.protocol ?? PROTOCOL).toLowerCase(),
    spoofchk: switchText(spoofchk),
    trust: switchText(trust),
    state,
  });
}

/** The settings among recorded facts. */
export const settingsOf = (facts: Readonly<Record<string, string>>): VfSettings =>
  Object.fromEntries(NAMES.flatMap((name) => (facts[name] === undefined ? [] : [[name, facts[name]]])));

const differing = (desired: VfSettings, observed: VfSettings): readonly Name[] =>
  NAMES.filter((name) => desired[name] !== undefined && desired[name] !== observed[name]);

/** The words that make a virtual function what is wanted, after `ip link set dev PF vf N`. Empty: nothing differs. */
export function settingWords(desired: VfSettings, observed: VfSettings): readonly string[] {
  const names = differing(desired, observed);
  const vlan = names.some((name) => OF_VLAN.includes(name));
  return NAMES.flatMap((name) => {
    const value = desired[name];
    if (value === undefined || !(names.includes(name) || (vlan && OF_VLAN.includes(name)))) return [];
    // Without the word it is the usual one, also for a driver that knows no other.
    return name === "proto" && value === PROTOCOL ? [] : [name, value];
  });
}

const TOLD: Readonly<Record<Name, string>> = {
  ...{ mac: "MAC address", vlan: "VLAN", qos: "VLAN's priority", proto: "VLAN's protocol" },
  ...{ spoofchk: "spoof check", trust: "trust", state: "link state" },
};

/** How a virtual function is not as it was set up, a sentence each. What its driver does not report is not compared. */
export function settingProblems(desired: VfSettings, observed: VfSettings): readonly string[] {
  return differing(desired, observed).flatMap((name) =>
    observed[name] === undefined
      ? []
      : [`its virtual function's ${TOLD[name]} is ${observed[name]}, not ${desired[name]}`],
  );
}
