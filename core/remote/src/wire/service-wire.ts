import { defined, type Dhcp4Service, type ServicePlan } from "@netbind/contract";
import type { binding as wire } from "@netbind/proto";
import { nonEmpty, oneOf, required } from "./checks.ts";
import { routeFromWire, routeToWire } from "./nic-wire.ts";

/** A service for the wire. */
export function serviceToWire(service: ServicePlan): wire.Service {
  switch (service.kind) {
    case "dhcp4": {
      const { kind, router, hostname, bootFileName, tftpServerName, routes = [], ...rest } = service;
      const value = { ...rest, router, hostname, bootFileName, tftpServerName, routes: routes.map(routeToWire) };
      return { kind: { $case: kind, value } };
    }
    case "dhcp6": {
      const { kind, ...value } = service;
      return { kind: { $case: kind, value } };
    }
    case "ra": {
      const { kind, onLink, preference, ...value } = service;
      return { kind: { $case: kind, value: { ...value, onLink, preference } } };
    }
    default:
      return service satisfies never;
  }
}

/** A service from the wire. @throws BindingError ATTACHMENT_INVALID */
export function serviceFromWire({ kind }: wire.Service): ServicePlan {
  const service = required(kind, "a service's kind");
  switch (service.$case) {
    case "dhcp4": {
      const { client, routes, ...rest } = service.value;
      const own = {
        ...defined(rest),
        ...alwaysThere(service.value),
        client: required(client, "a DHCP server's client"),
      };
      return { kind: "dhcp4", ...own, ...defined({ routes: nonEmpty(routes.map(routeFromWire)) }) };
    }
    case "dhcp6":
      return { ...service.value, kind: "dhcp6", client: required(service.value.client, "a DHCPv6 server's client") };
    case "ra": {
      const { onLink, preference, ...value } = service.value;
      return {
        ...value,
        kind: "ra",
        ...defined({
          onLink,
          preference: preference === undefined ? undefined : oneOf(preference, ["low"], "a router's preference"),
        }),
      };
    }
    default:
      return service satisfies never;
  }
}

/** The fields of a DHCPv4 service that are always there. */
const alwaysThere = ({
  link,
  server,
  leaseSeconds,
  nameservers,
  search,
  mtu,
  ntpServers,
  privateOptions,
}: wire.Dhcp4Service): Pick<
  Dhcp4Service,
  "link" | "server" | "leaseSeconds" | "nameservers" | "search" | "mtu" | "ntpServers" | "privateOptions"
> => ({ link, server, leaseSeconds, nameservers, search, mtu, ntpServers, privateOptions });
