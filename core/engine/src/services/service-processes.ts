import type { ServicePlan, Sysctl } from "@netbind/contract";
import { dhcp4Lines } from "./dnsmasq.ts";
import { DnsmasqText, type OmittedValues, refuseTextProblems, type TextProblem } from "./dnsmasq-text.ts";
import { type Encoded, ipv6Lines } from "./dnsmasq6.ts";

/** One process that serves a link: what a host starts for a plan's services. */
export interface ServiceProcess {
  /** `dhcp4 k6t-eth0` or `ipv6 k6t-eth0`: unique in a pod. */
  readonly role: string;
  readonly link: string;
  /** The server's configuration: dnsmasq(8). */
  readonly configuration: string;
  /** The socket that shows that it serves: a UDP port, or the raw socket that router advertisements take. */
  readonly socket: { readonly family: 4 | 6; readonly udpPort: number } | "icmp6";
  /** True where it needs capabilities over the pod's network: DHCPv6 and router advertisements take a raw socket. */
  readonly privileged: boolean;
}

/** The processes for a plan's services, all that cannot be configured, and what does not reach the guest. */
export interface EncodedServices {
  readonly processes: readonly ServiceProcess[];
  readonly problems: readonly TextProblem[];
  readonly omitted: readonly OmittedValues[];
}

const DHCP4_PORT = 67;
const DHCP6_PORT = 547;

type EncodedService = Encoded<ServicePlan>;

const isKind =
  <K extends ServicePlan["kind"]>(kind: K) =>
  (one: EncodedService): one is Encoded<Extract<ServicePlan, { readonly kind: K }>> =>
    one.service.kind === kind;

const ipv4Process = ({ service, text }: Encoded<Extract<ServicePlan, { readonly kind: "dhcp4" }>>): ServiceProcess => ({
  role: `dhcp4 ${service.link}`,
  link: service.link,
  configuration: text.configuration(dhcp4Lines(service, text)),
  socket: { family: 4, udpPort: DHCP4_PORT },
  privileged: false,
});

function ipv6Process(link: string, on: readonly EncodedService[]): ServiceProcess {
  const [dhcp6, ra] = [on.find(isKind("dhcp6")), on.find(isKind("ra"))];
  const text = on[0]?.text ?? new DnsmasqText("services");
  return {
    role: `ipv6 ${link}`,
    link,
    configuration: text.configuration(ipv6Lines(link, { dhcp6, ra }, text)),
    socket: dhcp6 === undefined ? "icmp6" : { family: 6, udpPort: DHCP6_PORT },
    privileged: true,
  };
}

/** The processes that serve a plan's services: IPv4 alone, which takes no privilege, and all of a link's IPv6 together. */
export function encodeServices(services: readonly ServicePlan[]): EncodedServices {
  const all = services.map((service, at): EncodedService => ({ service, text: new DnsmasqText(`services[${at}]`) }));
  const ipv6 = all.filter(({ service }) => service.kind !== "dhcp4");
  const links = new Set(ipv6.map(({ service }) => service.link));
  const processes = [
    ...all.filter(isKind("dhcp4")).map(ipv4Process),
    ...[...links].map((link) =>
      ipv6Process(
        link,
        ipv6.filter(({ service }) => service.link === link),
      ),
    ),
  ];
  return {
    processes,
    problems: all.flatMap(({ text }) => text.problems),
    omitted: all.flatMap(({ text }) => text.omitted),
  };
}

/**
 * The processes that serve a plan's services.
 *
 * @throws BindingError PLAN_OUT_OF_BOUNDS with every text that fits no server
 */
export function serviceProcesses(services: readonly ServicePlan[]): readonly ServiceProcess[] {
  const { processes, problems } = encodeServices(services);
  refuseTextProblems(problems);
  return processes;
}

/** What of a plan's lists does not reach its guest, as sentences for the administrator. Empty where everything does. */
export const serviceWarnings = (nic: string, services: readonly ServicePlan[]): readonly string[] =>
  encodeServices(services).omitted.map(
    ({ option, values }) =>
      `the guest does not get ${values.join(", ")} on NIC "${nic}": ${option} is full; shorten the list in the pod's resolv.conf (spec.dnsConfig, spec.dnsPolicy), or set it in the guest`,
  );

/** What services need of their pod: a server that is not root binds a port below 1024. The key holds for IPv6 too. */
export const serviceSysctls = (services: readonly ServicePlan[]): readonly Sysctl[] =>
  services.some(({ kind }) => kind !== "ra") ? [{ key: "net.ipv4.ip_unprivileged_port_start", value: "0" }] : [];
