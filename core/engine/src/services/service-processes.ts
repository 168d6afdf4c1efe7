import type { ServicePlan, Sysctl } from "@netbind/contract";
import { dnsmasqConfig } from "./dnsmasq.ts";
import { dnsmasq6Config } from "./dnsmasq6.ts";

/** One process that serves a link: what a host starts for a plan's services. */
export interface ServiceProcess {
  /** `dhcp4 k6t-eth0` or `ipv6 k6t-eth0`: unique in a pod. */
  readonly role: string;
  readonly link: string;
  /** The server's configuration: dnsmasq(8). */
  readonly configuration: string;
  /** The socket that tells that it serves: a UDP port, or the raw socket that router advertisements take. */
  readonly socket: { readonly family: 4 | 6; readonly udpPort: number } | "icmp6";
  /** True where it needs capabilities over the pod's network: DHCPv6 and router advertisements take a raw socket. */
  readonly privileged: boolean;
}

const DHCP4_PORT = 67;
const DHCP6_PORT = 547;

/**
 * The processes that serve a plan's services: IPv4 alone, which takes no privilege, and all of a link's IPv6 together.
 *
 * @throws BindingError PLAN_OUT_OF_BOUNDS where a text fits no server
 */
export function serviceProcesses(services: readonly ServicePlan[]): readonly ServiceProcess[] {
  const ipv4 = services.flatMap((service): readonly ServiceProcess[] =>
    service.kind === "dhcp4"
      ? [
          {
            role: `dhcp4 ${service.link}`,
            link: service.link,
            configuration: dnsmasqConfig(service),
            socket: { family: 4, udpPort: DHCP4_PORT },
            privileged: false,
          },
        ]
      : [],
  );
  const links = new Set(services.filter(({ kind }) => kind !== "dhcp4").map(({ link }) => link));
  const ipv6 = [...links].map((link): ServiceProcess => {
    const on = services.filter((service) => service.link === link);
    const dhcp6 = on.find((service) => service.kind === "dhcp6");
    const ra = on.find((service) => service.kind === "ra");
    return {
      role: `ipv6 ${link}`,
      link,
      configuration: dnsmasq6Config(link, dhcp6, ra),
      socket: dhcp6 === undefined ? "icmp6" : { family: 6, udpPort: DHCP6_PORT },
      privileged: true,
    };
  });
  return [...ipv4, ...ipv6];
}

/** What services need of their pod: a server that is not root binds a port below 1024. The key holds for IPv6 too. */
export const serviceSysctls = (services: readonly ServicePlan[]): readonly Sysctl[] =>
  services.some(({ kind }) => kind !== "ra") ? [{ key: "net.ipv4.ip_unprivileged_port_start", value: "0" }] : [];
