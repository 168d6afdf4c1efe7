import type { ServicePlan, Sysctl } from "@netbind/contract";

/** What services need of their pod: a DHCP server without privilege binds a port below 1024. */
export const serviceSysctls = (services: readonly ServicePlan[]): readonly Sysctl[] =>
  services.length === 0 ? [] : [{ key: "net.ipv4.ip_unprivileged_port_start", value: "0" }];
