import {
  type Attachment,
  type Binding,
  BindingError,
  type LinkPlan,
  type NetworkPlan,
  type NicNames,
  type Plan,
  type Route,
} from "@netbind/contract";
import bridge from "@netbind/plugin-bridge";
import masquerade from "@netbind/plugin-masquerade";
import passt from "@netbind/plugin-passt";
import { derivedNames, isSecondary, linkNamesOfPod, podLinkName, type Vmi, type VmiInterface } from "@netbind/kubevirt";
import { validateVmi } from "@netbind/kubevirt/admission";
import { managedTapPlan } from "@netbind/engine";
import { attachmentFor } from "./attachment.ts";
import { AGREED, compare, completeVmi, failed, type Outcome, type Vector, type VmiInput } from "./vector.ts";
import { commandRules, planRules } from "./nft.ts";

interface Addresses {
  readonly enabled?: boolean;
  readonly address?: readonly { readonly IP: string; readonly "prefix-length": number }[];
}
interface Link {
  readonly name: string;
  readonly type?: string;
  readonly state?: string;
  readonly index?: number;
  readonly "mac-address"?: string;
  readonly "copy-mac-from"?: string;
  readonly mtu?: number;
  readonly controller?: string;
  readonly tap?: { readonly queues?: number };
  readonly IPv4?: Addresses;
  readonly IPv6?: Addresses;
  readonly "linux-stack"?: { readonly "ip4-route-local-net"?: boolean; readonly "port-learning"?: boolean };
}
interface Stack {
  readonly ipv4?: {
    readonly forwarding?: boolean;
    readonly "arp-ignore"?: number;
    readonly "ping-group-range"?: readonly number[];
    readonly "unprivileged-port-start"?: number;
  };
  readonly ipv6?: { readonly forwarding?: boolean };
}
type Input = VmiInput & {
  readonly nmstate: {
    readonly interfaces: readonly Link[];
    readonly routes: {
      readonly running: readonly {
        readonly destination: string;
        readonly "next-hop-interface": string;
        readonly "next-hop-address"?: string;
      }[];
    };
  };
  readonly state: Readonly<Record<string, number>>;
};
interface Result {
  readonly error: string | null;
  readonly nft: readonly string[] | null;
  readonly spec: { readonly interfaces?: readonly Link[]; readonly "linux-stack"?: Stack } | null;
}

/** KubeVirt's words for how far a network's preparation got. */
const STARTED = 1;
const FINISHED = 2;

/** What passt needs of its pod, in any pod. */
const PASST_SYSCTLS: readonly string[] = ["net.ipv4.ip_unprivileged_port_start=0", "net.ipv4.ping_group_range=107 107"];

const addressesOf = ({ IPv4, IPv6 }: Link): readonly string[] =>
  [IPv4, IPv6].flatMap((family) => (family?.address ?? []).map(({ IP, "prefix-length": prefix }) => `${IP}/${prefix}`));
const isLinkLocal = (address: string): boolean => /^fe80:|^169\.254\.(?!75\.1)/i.test(address);
/** The address of a bridge's DHCP server is between it and its guest: which number it has changes nothing. */
const anyServer = (address: string): string => address.replace(/^169\.254\.75\.1\d+/, "169.254.75.N");

/** How a NIC is wired in the pod before its sidecar has a say: by KubeVirt's own bindings, or for a registered tap. */
function plannerOf(nic: VmiInterface, input: Input): Binding["plan"] | undefined {
  if (nic.masquerade !== undefined) return masquerade.plan;
  if (nic.bridge !== undefined) return bridge.plan;
  if (nic.passtBinding !== undefined) return passt.plan;
  const registered = input.kubevirtConfig?.network?.binding ?? {};
  const type =
    nic.binding !== undefined && Object.hasOwn(registered, nic.binding.name)
      ? registered[nic.binding.name]?.domainAttachmentType
      : undefined;
  return type === "managedTap" ? managedTapPlan : undefined;
}

/** A link that a plan makes, as KubeVirt's list of wanted links has it. */
interface Wanted {
  readonly name: string;
  readonly type: string;
  readonly up: boolean;
  readonly absent: boolean;
  readonly controller?: string | undefined;
  readonly mac?: string | undefined;
  readonly mtu?: number | undefined;
  readonly queues?: number | undefined;
  readonly addresses: readonly string[];
}

/** A link that is to go. */
interface Gone {
  readonly name: string;
  readonly absent: true;
}

const TYPES = { bridge: "bridge", tap: "tap", adopted: "adopted", placeholder: "dummy" } as const;

function wantedLink(link: LinkPlan): Wanted {
  const addresses =
    link.kind === "bridge" || link.kind === "placeholder"
      ? link.addresses.map(({ address, prefix }) => `${address}/${prefix}`)
      : [];
  return {
    name: link.name,
    type: TYPES[link.kind],
    up: link.kind !== "placeholder",
    absent: false,
    ...(link.kind === "tap" || link.kind === "adopted" ? { controller: link.bridge } : {}),
    ...(link.kind === "placeholder" || (link.kind === "bridge" && link.mac?.startsWith("02:00:00:00:00:00"))
      ? { mac: link.mac }
      : {}),
    // The mtu of a bridge is its ports', and an adopted link keeps its own.
    ...(link.kind === "tap" || link.kind === "placeholder" ? { mtu: link.mtu } : {}),
    ...(link.kind === "tap" ? { queues: link.queues } : {}),
    addresses: addresses.filter((address) => !isLinkLocal(address)).map(anyServer),
  };
}

const theirLink = (link: Link): Wanted => ({
  name: link.name,
  type: link["copy-mac-from"] === undefined ? (link.type ?? "") : "adopted",
  up: link.state === "up",
  absent: link.state === "absent",
  ...(link.controller === undefined ? {} : { controller: link.controller }),
  ...(link["mac-address"] === undefined ? {} : { mac: link["mac-address"] }),
  ...(link.mtu === undefined || link.type === "bridge" ? {} : { mtu: link.mtu }),
  ...(link.tap === undefined ? {} : { queues: link.tap.queues ?? 0 }),
  addresses: addressesOf(link)
    .filter((address) => !isLinkLocal(address))
    .map(anyServer),
});

/** Links in the order of their names; those that are to go by name alone, for what they had does not matter. */
const comparable = (links: readonly (Wanted | Gone)[]): readonly unknown[] =>
  links
    .map((link) => (link.absent ? { name: link.name, absent: true } : link))
    .sort((a, b) => (a.name < b.name ? -1 : 1));

function theirSysctls(spec: NonNullable<Result["spec"]>): readonly string[] {
  const { ipv4, ipv6 } = spec["linux-stack"] ?? {};
  const pings = ipv4?.["ping-group-range"];
  return [
    ...(ipv4?.forwarding ? ["net.ipv4.ip_forward=1"] : []),
    ...(ipv4?.["arp-ignore"] ? ["net.ipv4.conf.all.arp_ignore=1"] : []),
    ...(ipv6?.forwarding ? ["net.ipv6.conf.all.forwarding=1"] : []),
    ...(pings === undefined || pings === null ? [] : [`net.ipv4.ping_group_range=${pings.join(" ")}`]),
    ...(typeof ipv4?.["unprivileged-port-start"] === "number"
      ? [`net.ipv4.ip_unprivileged_port_start=${ipv4["unprivileged-port-start"]}`]
      : []),
    ...(spec.interfaces ?? [])
      .filter((link) => link["linux-stack"]?.["ip4-route-local-net"])
      .map(({ name }) => `net.ipv4.conf.${name}.route_localnet=1`),
  ].sort();
}

/** What of a VM's NICs is set up, and what is not any more. */
interface Planned {
  readonly plans: readonly { readonly nic: VmiInterface; readonly attachment: Attachment; readonly plan: Plan }[];
  /** NICs that ours refuses, because their pod has no address for them. */
  readonly unaddressed: readonly Attachment[];
}

/** The names of a NIC's links; undefined where it has no network. */
function namesOf(vmi: Vmi, nic: VmiInterface, { nmstate }: Input): NicNames | undefined {
  const networks = vmi.spec.networks ?? [];
  const network = networks.find(({ name }) => name === nic.name);
  if (network === undefined) return undefined;
  const scheme = linkNamesOfPod(
    networks,
    nmstate.interfaces.map(({ name }) => name),
  );
  return derivedNames(network, isSecondary(network) ? (scheme.get(network.name) ?? "") : podLinkName(vmi, network));
}

/** The pod's link of a NIC; the one that was taken over before, where it was. */
function linkOf(vmi: Vmi, nic: VmiInterface, input: Input): Link | undefined {
  const names = namesOf(vmi, nic, input);
  if (names === undefined) return undefined;
  const { interfaces } = input.nmstate;
  const link =
    interfaces.find(({ name }) => name === names.adopted) ?? interfaces.find(({ name }) => name === names.pod);
  return link && { ...link, name: names.pod };
}

function attachmentOf(vmi: Vmi, nic: VmiInterface, link: Link, { nmstate }: Input): Attachment {
  const routes = nmstate.routes.running
    .filter((route) => route["next-hop-interface"] === link.name)
    .map(
      (route): Route => ({
        destination: route.destination,
        ...(route["next-hop-address"] ? { gateway: route["next-hop-address"] } : {}),
      }),
    );
  return attachmentFor(vmi, nic.name, {
    link: link.name,
    mac: link["mac-address"] ?? "",
    mtu: link.mtu ?? 0,
    addresses: addressesOf(link).filter((address) => !isLinkLocal(address)),
    routes,
    migrationTransport: vmi.status?.migrationTransport === "Unix" ? "unix" : "ports",
  });
}

function planAll(vmi: Vmi, input: Input): Planned {
  const unaddressed: Attachment[] = [];
  const plans = (vmi.spec.domain.devices.interfaces ?? []).flatMap((nic) => {
    if (nic.sriov !== undefined) return [];
    const planner = plannerOf(nic, input);
    if (planner === undefined) {
      if (nic.binding === undefined)
        throw new BindingError("ATTACHMENT_INVALID", `NIC "${nic.name}" has no binding`, "name one");
      return [];
    }
    if (nic.state === "absent") return [];
    const link = linkOf(vmi, nic, input);
    if (link === undefined)
      throw new BindingError("POD_LINK_MISSING", `the pod's link of "${nic.name}" is missing`, "correct the pod");
    const attachment = attachmentOf(vmi, nic, link, input);
    if ((nic.masquerade !== undefined || nic.passtBinding !== undefined) && attachment.pod.addresses.length === 0) {
      unaddressed.push(attachment);
      return [];
    }
    return [{ nic, attachment, plan: planner(attachment) }];
  });
  return { plans, unaddressed };
}

type PlannedNic = Planned["plans"][number];
const isIpv6 = ({ address }: { readonly address: string }): boolean => address.includes(":");

/** True for a bridge NIC whose guest is served IPv6, which KubeVirt's never is. */
const servesIpv6 = ({ nic, plan }: PlannedNic): boolean =>
  nic.bridge !== undefined &&
  (plan.network?.links ?? []).some((link) => link.kind === "bridge" && link.addresses.some(isIpv6));

/** The network of a plan, as far as KubeVirt has a word for it. */
function networkOf(one: PlannedNic): NetworkPlan {
  const network = one.plan.network ?? { links: [] };
  if (!servesIpv6(one)) return network;
  return {
    ...network,
    links: network.links.map((link) =>
      link.kind === "bridge" ? { ...link, addresses: link.addresses.filter((address) => !isIpv6(address)) } : link,
    ),
    sysctls: (network.sysctls ?? []).filter(({ key }) => key !== "net.ipv6.conf.all.forwarding"),
  };
}

/** Links of bridge NICs that are taken out: those that were made for them go, and the pod's own stays. */
function removed(vmi: Vmi, input: Input): readonly Gone[] {
  return (vmi.spec.domain.devices.interfaces ?? []).flatMap((nic) => {
    const names = namesOf(vmi, nic, input);
    if (nic.state !== "absent" || nic.bridge === undefined || names === undefined) return [];
    return [names.bridge, names.tap, names.pod].map((name) => ({ name, absent: true as const }));
  });
}

function ours({ plans }: Planned): {
  readonly links: readonly Wanted[];
  readonly sysctls: readonly string[];
  readonly rules: readonly string[];
} {
  return {
    links: plans.flatMap((one) => networkOf(one).links.map(wantedLink)),
    sysctls: [
      ...new Set(plans.flatMap((one) => (networkOf(one).sysctls ?? []).map(({ key, value }) => `${key}=${value}`))),
    ].sort(),
    rules: [...new Set(plans.flatMap((one) => planRules(networkOf(one).nftables ?? [])))].sort(),
  };
}

/** A NIC that is taken out has no address left that the pod could answer for: KubeVirt silences the pod all the same. */
function silencedForNothing(vmi: Vmi, input: Input, { plans }: Planned): boolean {
  const gone = (vmi.spec.domain.devices.interfaces ?? []).filter(
    ({ bridge: is, state }) => is !== undefined && state === "absent",
  );
  const had = gone.some((nic) => (linkOf(vmi, nic, input)?.IPv4?.address ?? []).length > 0);
  return had && !plans.some((one) => networkOf(one).sysctls?.some(({ key }) => key.endsWith("arp_ignore")));
}

/** What KubeVirt did before and does not do again is recorded: nothing is left to do. */
function nothingToDo(vmi: Vmi, state: Input["state"]): boolean {
  const interfaces = vmi.spec.domain.devices.interfaces ?? [];
  const pending = interfaces.some(
    ({ name, sriov, state: desired }) => sriov === undefined && desired !== "absent" && state[name] !== FINISHED,
  );
  return !pending && !interfaces.some(({ name, state: desired }) => desired === "absent" && state[name] !== undefined);
}

/** The networks of a VM that are not there, or have no NIC. */
const unpaired = (vmi: Vmi): boolean =>
  (vmi.spec.networks ?? []).some(({ name }) => !vmi.spec.domain.devices.interfaces?.some((nic) => nic.name === name));

/**
 * Rules of admission that a VM can break in a way in which it is set up differently, were it not refused: two NICs on the
 * pod's own link, a NIC of no binding or of one that serves another network, one taken out that cannot be, or ports that
 * none forwards.
 */
const TELLING_RULES = /^(NET-[123]|BIND-1|BIND-2|PASST-2|ST-3|PORT-[345]|RANGE-\d)$/;

/** True for a VM that KubeVirt's own admission refuses, as ours does: it is never set up. */
const isRefused = (vmi: Vmi, input: Input): boolean =>
  validateVmi(vmi, { configuration: input.kubevirtConfig ?? {} }).some(({ rule }) => TELLING_RULES.test(rule.id));

function plan(vmi: Vmi, input: Input): Planned | BindingError {
  try {
    if (unpaired(vmi)) return new BindingError("ATTACHMENT_INVALID", "a network has no interface", "add one");
    return planAll(vmi, input);
  } catch (error) {
    if (error instanceof BindingError) return error;
    throw error;
  }
}

/** Why ours refuses what KubeVirt sets up, where that is listed. */
function refusal(vmi: Vmi, input: Input, { message }: BindingError): string | undefined {
  if (message.includes("contains the pod's own address")) return "GUEST-NETWORK-OVERLAP";
  const pod = vmi.spec.networks?.find((network) => network.pod !== undefined)?.pod;
  if (pod?.vmNetworkCIDR?.includes(":") || (pod?.vmIPv6NetworkCIDR && !pod.vmIPv6NetworkCIDR.includes(":")))
    return "CIDR-FAMILY";
  return isRefused(vmi, input) ? "REFUSED-BEFORE" : undefined;
}

/** True where a NIC that is to stay was begun, and not ended. */
const isInterrupted = (vmi: Vmi, state: Input["state"]): boolean =>
  (vmi.spec.domain.devices.interfaces ?? []).some((nic) => nic.state !== "absent" && state[nic.name] === STARTED);

/** What KubeVirt sets up for NICs that ours refuses for want of an address. */
const theirUnaddressed = ({
  unaddressed,
}: Planned): { readonly links: readonly string[]; readonly sysctls: readonly string[] } => ({
  links: unaddressed.flatMap(({ names }) => [names.bridge, names.tap]),
  sysctls: unaddressed.some(({ network }) => network.kind === "pod") ? PASST_SYSCTLS : [],
});

/** True where KubeVirt lets TCP's port 22 past a mesh's proxy, because UDP's is listed. */
const opensSsh = ({ plans }: Planned): boolean =>
  plans.some(({ nic, attachment: { mesh, ports } }) => {
    const listed = (protocol: "TCP" | "UDP"): boolean =>
      ports.some((port) => port.port === 22 && port.protocol === protocol);
    return nic.masquerade !== undefined && mesh && listed("UDP") && !listed("TCP");
  });
const isSsh = (rule: string): boolean => rule.startsWith("prerouting") && rule.includes("tcp dport 22]");

/** Compares what is set up, where both set something up. */
function compareSetUp(vmi: Vmi, input: Input, planned: Planned, { spec, nft }: Result): Outcome {
  const mine = ours(planned);
  const refused = theirUnaddressed(planned);
  const silenced = silencedForNothing(vmi, input, planned);
  const ssh = opensSsh(planned);
  const skipped = (line: string): boolean =>
    (silenced && line.includes("arp_ignore")) || (refused.sysctls.includes(line) && !mine.sysctls.includes(line));
  const theirs = {
    links: comparable((spec?.interfaces ?? []).map(theirLink).filter(({ name }) => !refused.links.includes(name))),
    sysctls: theirSysctls(spec ?? {}).filter((line) => !skipped(line)),
    rules: commandRules(nft ?? []).filter((rule) => !(ssh && isSsh(rule))),
  };
  return compare({ ...mine, links: comparable([...mine.links, ...removed(vmi, input)]) }, theirs, [
    ...(planned.unaddressed.length > 0 ? ["NO-ADDRESS"] : []),
    ...(silenced ? ["ABSENT-ARP"] : []),
    ...(planned.plans.some(servesIpv6) ? ["BRIDGE-IPV6"] : []),
    ...(ssh ? ["MESH-SSH"] : []),
  ]);
}

/** The pod's network as KubeVirt sets it up: links, sysctls and rules. */
export function netpod({ input, result }: Vector<Input, Result>): Outcome {
  const vmi = completeVmi(input.vmi);
  const state = input.state ?? {};
  if (!unpaired(vmi) && nothingToDo(vmi, state)) {
    return result.error === null && !result.spec?.interfaces?.length ? AGREED : failed("ours has nothing to do");
  }
  const planned = plan(vmi, input);
  if (planned instanceof BindingError) {
    if (result.error !== null) return AGREED;
    const listed = refusal(vmi, input, planned);
    return listed === undefined
      ? failed(`ours refuses: ${planned.message}`)
      : { verdict: "deviating", deviations: [listed] };
  }
  // Ours goes on from its record where KubeVirt gives up.
  if (result.error !== null && isInterrupted(vmi, state)) return { verdict: "deviating", deviations: ["RESUME"] };
  const outcome =
    result.error === null ? compareSetUp(vmi, input, planned, result) : failed(`theirs refuses: ${result.error}`);
  return outcome.verdict === "failed" && isRefused(vmi, input)
    ? { verdict: "deviating", deviations: ["REFUSED-BEFORE"] }
    : outcome;
}
