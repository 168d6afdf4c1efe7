import bridge from "@netbind/plugin-bridge";
import masquerade from "@netbind/plugin-masquerade";
import { type AnnotatedPod, linksOf, NETWORK_STATUS, parseNetworkStatus } from "@netbind/kubevirt/pod";
import {
  derivedNames,
  hashedLinkNames,
  isOrdinalName,
  linkNamesOfPod,
  nicNames,
  ordinalLinkNames,
  podLinkName,
  type Vmi,
} from "@netbind/kubevirt";
import { validateVmi } from "@netbind/kubevirt/admission";
import { attachmentFor } from "./attachment.ts";
import { compare, completeVmi, type Outcome, type Vector, type VmiInput } from "./vector.ts";

type Named = Readonly<Record<string, unknown>>;

/** Names of links by logical name. */
export function names({
  input,
  result,
}: Vector<{ readonly names: readonly string[] }, { readonly names: Named }>): Outcome {
  const ours = (input.names ?? []).map((name) => {
    const { pod, tap, bridge: k6t, adopted } = nicNames({ name, multus: { networkName: "x" } });
    return [name, { pod, tap, bridge: k6t, nic: adopted, isOrdinal: isOrdinalName(name) }];
  });
  return compare(Object.fromEntries(ours), result.names);
}

/** Names of a pod's links in either scheme. */
export function namescheme({ input, result }: Vector<VmiInput & { readonly pod: AnnotatedPod }, Named>): Outcome {
  const vmi = completeVmi(input.vmi);
  const networks = vmi.spec.networks ?? [];
  const links = linksOf(parseNetworkStatus(input.pod.metadata.annotations?.[NETWORK_STATUS]));
  const hashed = hashedLinkNames(networks);
  const devices = networks.map((network) => {
    const { pod, tap, bridge: k6t, adopted } = derivedNames(network, hashed.get(network.name) ?? "");
    return [network.name, { pod, tap, bridge: k6t, nic: adopted, hashedOrStatus: podLinkName(vmi, network) }];
  });
  return compare(
    {
      devices: Object.fromEntries(devices),
      hashed: Object.fromEntries(hashed),
      ordinal: Object.fromEntries(ordinalLinkNames(networks)),
      fromStatuses: Object.fromEntries(linkNamesOfPod(networks, links)),
      podHasOrdinal: links.some(isOrdinalName),
    },
    result,
  );
}

/** The address that a bridge NIC's DHCP server has, by interface. */
export function fakeBridgeIp({ input, result }: Vector<VmiInput, { readonly ips: Named }>): Outcome {
  const vmi = completeVmi(input.vmi);
  const ours = (vmi.spec.domain.devices.interfaces ?? []).map(({ name }, index) => {
    const plan = bridge.plan(attachmentFor(vmi, name, { index, routes: [{ destination: "10.244.1.0/24" }] }));
    const link = plan.network?.links.find(({ kind }) => kind === "bridge");
    const [address] = link?.kind === "bridge" ? link.addresses : [];
    return [name, `${address?.address}/${address?.prefix}`];
  });
  return compare(Object.fromEntries(ours), result.ips);
}

interface Addresses {
  readonly gateway?: string;
  readonly vm?: string;
  readonly error?: string;
}

/** Pods' addresses by family: one of them lies outside of the guest's network, however large that is. */
const PODS = { 4: ["172.31.255.7/24", "8.8.8.8/24"], 6: ["2001:db8::7/64", "fd99::7/64"] } as const;

/** Why ours refuses a network that holds every pod there could be. */
const OVERLAPS = "overlaps";

/** A masquerade NIC's gateway and guest, of a VM whose pod has one family. */
function masqueradeAddresses(vmi: Vmi, network: string, family: 4 | 6, pod: string = PODS[family][0]): Addresses {
  const nic = { name: network, masquerade: {} };
  const devices = { ...vmi.spec.domain.devices, interfaces: [nic] };
  const attachment = attachmentFor(
    { ...vmi, spec: { ...vmi.spec, domain: { ...vmi.spec.domain, devices } } },
    network,
    {
      addresses: [pod],
    },
  );
  try {
    const plan = masquerade.plan(attachment);
    const link = plan.network?.links.find(({ kind }) => kind === "bridge");
    const service = plan.services?.find(({ kind }) => kind === (family === 4 ? "dhcp4" : "dhcp6"));
    const gateway = link?.kind === "bridge" ? link.addresses[0] : undefined;
    const guest = service === undefined || service.kind === "ra" ? undefined : service.client;
    return { gateway: `${gateway?.address}/${gateway?.prefix}`, vm: `${guest?.address}/${guest?.prefix}` };
  } catch (error) {
    const [, other] = PODS[family];
    const overlaps = error instanceof Error && error.message.includes("contains the pod's own address");
    return overlaps && pod !== other
      ? masqueradeAddresses(vmi, network, family, other)
      : { error: overlaps ? OVERLAPS : "refused" };
  }
}

/** The addresses of the little networks behind masquerade. */
export function masqueradeAddrs({
  input,
  result,
}: Vector<VmiInput, { readonly addrs: Readonly<Record<string, Addresses>> }>): Outcome {
  const vmi = completeVmi(input.vmi);
  const deviations: string[] = [];
  const ours = Object.entries(result.addrs).map(([key, theirs]) => {
    const [network = "", family] = key.split("/");
    const found = masqueradeAddresses(vmi, network, family === "ipv4" ? 4 : 6);
    // The other family's network makes no sense here, and KubeVirt takes it.
    if (
      found.error !== undefined &&
      theirs.gateway !== undefined &&
      theirs.gateway.includes(":") !== (family === "ipv6")
    ) {
      deviations.push("CIDR-FAMILY");
      return [key, theirs];
    }
    if (found.error === OVERLAPS && theirs.gateway !== undefined) {
      deviations.push("GUEST-NETWORK-OVERLAP");
      return [key, theirs];
    }
    return [key, found.error === undefined ? found : { error: "refused" }];
  });
  const printed = Object.entries(result.addrs).map(([key, { error, ...theirs }]) => [
    key,
    error === undefined ? theirs : { error: "refused" },
  ]);
  return compare(Object.fromEntries(ours), Object.fromEntries(printed), deviations);
}

/** Which MAC addresses are taken. */
export function mac({
  input,
  result,
}: Vector<
  { readonly names: readonly string[] },
  { readonly macs: Readonly<Record<string, { readonly error: string | null; readonly reserved: boolean }>> }
>): Outcome {
  const ours = (input.names ?? []).map((macAddress) => {
    const devices = { interfaces: [{ name: "a", masquerade: {}, macAddress }] };
    const vmi = {
      apiVersion: "",
      kind: "VirtualMachineInstance",
      metadata: { name: "a", namespace: "a" },
      spec: { domain: { devices }, networks: [{ name: "a", pod: {} }] },
    } as const;
    const rules = validateVmi(vmi, { configuration: {} }).map(({ rule }) => rule.id);
    return [macAddress, { bad: rules.includes("IF-4"), reserved: rules.includes("BIND-3") }];
  });
  const theirs = Object.entries(result.macs).map(([text, { error, reserved }]) => [
    text,
    { bad: error !== null, reserved },
  ]);
  return compare(Object.fromEntries(ours), Object.fromEntries(theirs));
}
