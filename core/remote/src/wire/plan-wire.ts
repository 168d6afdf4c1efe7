import {
  defined,
  type DomainPlan,
  type LinkPlan,
  type NetworkPlan,
  type NftChain,
  type NftMatch,
  type NftPort,
  type NftRule,
  type NftVerdict,
  type PasstForward,
  type PasstPorts,
  type Plan,
} from "@netbind/contract";
import type { binding as wire } from "@netbind/proto";
import { nonEmpty, oneOf, required } from "./checks.ts";
import { portFromWire, routeFromWire, routeToWire } from "./nic-wire.ts";
import { serviceFromWire, serviceToWire } from "./service-wire.ts";

function linkToWire(link: LinkPlan): wire.Link {
  switch (link.kind) {
    case "bridge":
      return {
        kind: {
          $case: "bridge",
          value: {
            name: link.name,
            mac: link.mac,
            mtu: link.mtu,
            addresses: link.addresses,
            routes: (link.routes ?? []).map(routeToWire),
          },
        },
      };
    case "tap":
      return {
        kind: { $case: "tap", value: { name: link.name, mtu: link.mtu, queues: link.queues, bridge: link.bridge } },
      };
    case "adopted": {
      const { kind, ...value } = link;
      return { kind: { $case: kind, value } };
    }
    case "placeholder": {
      const { kind, ...value } = link;
      return { kind: { $case: kind, value } };
    }
    default:
      return link satisfies never;
  }
}

function linkFromWire({ kind }: wire.Link): LinkPlan {
  const link = required(kind, "a link's kind");
  switch (link.$case) {
    case "bridge": {
      const { routes, ...value } = link.value;
      const own = { ...defined(value), name: value.name, mtu: value.mtu, addresses: value.addresses };
      return { kind: "bridge", ...own, ...defined({ routes: nonEmpty(routes.map(routeFromWire)) }) };
    }
    case "tap":
      return {
        kind: "tap",
        ...defined(link.value),
        name: link.value.name,
        mtu: link.value.mtu,
        queues: link.value.queues,
      };
    case "adopted":
      return { kind: "adopted", ...link.value };
    case "placeholder":
      return { kind: "placeholder", ...link.value };
    default:
      return link satisfies never;
  }
}

function matchToWire(match: NftMatch): wire.NftMatch {
  switch (match.kind) {
    case "inputInterface":
    case "outputInterface":
      return { kind: { $case: match.kind, value: match.name } };
    case "sourceAddress":
    case "destinationAddress":
      return { kind: { $case: match.kind, value: { addresses: match.addresses } } };
    case "destinationPort": {
      const ports = match.ports.map((port) =>
        typeof port === "number" ? { first: port, last: port } : { first: port[0], last: port[1] },
      );
      return { kind: { $case: "destinationPort", value: { protocol: match.protocol, ports } } };
    }
    default:
      return match satisfies never;
  }
}

function matchFromWire({ kind }: wire.NftMatch): NftMatch {
  const match = required(kind, "a match's kind");
  switch (match.$case) {
    case "inputInterface":
    case "outputInterface":
      return { kind: match.$case, name: match.value };
    case "sourceAddress":
    case "destinationAddress":
      return { kind: match.$case, addresses: match.value.addresses };
    case "destinationPort": {
      const ports = match.value.ports.map(({ first, last }): NftPort => (first === last ? first : [first, last]));
      return {
        kind: "destinationPort",
        protocol: oneOf(match.value.protocol, ["tcp", "udp"], "a match's protocol"),
        ports,
      };
    }
    default:
      return match satisfies never;
  }
}

function verdictToWire(verdict: NftVerdict): wire.NftVerdict {
  switch (verdict.kind) {
    case "accept":
    case "drop":
    case "return":
    case "masquerade":
      return { kind: { $case: verdict.kind, value: {} } };
    case "dnat":
    case "snat":
      return { kind: { $case: verdict.kind, value: verdict.to } };
    case "jump":
      return { kind: { $case: "jump", value: verdict.chain } };
    default:
      return verdict satisfies never;
  }
}

function verdictFromWire(message: wire.NftVerdict | undefined): NftVerdict {
  const verdict = required(message?.kind, "a rule's verdict");
  switch (verdict.$case) {
    case "accept":
    case "drop":
    case "return":
    case "masquerade":
      return { kind: verdict.$case };
    case "dnat":
    case "snat":
      return { kind: verdict.$case, to: verdict.value };
    case "jump":
      return { kind: "jump", chain: verdict.value };
    default:
      return verdict satisfies never;
  }
}

const ruleFromWire = (rule: wire.NftRule): NftRule => ({
  family: oneOf(rule.family, ["ip", "ip6"], "a rule's family"),
  matches: rule.matches.map(matchFromWire),
  verdict: verdictFromWire(rule.verdict),
});

function chainFromWire({ name, base, rules }: wire.NftChain): NftChain {
  const of = base && {
    type: oneOf(base.type, ["nat", "filter"], "a chain's type"),
    hook: oneOf(base.hook, ["prerouting", "input", "forward", "output", "postrouting"], "a chain's hook"),
    priority: base.priority,
  };
  return { name, rules: rules.map(ruleFromWire), ...defined({ base: of }) };
}

const networkToWire = ({ links, sysctls = [], nftables = [] }: NetworkPlan): wire.NetworkPlan => ({
  links: links.map(linkToWire),
  sysctls,
  nftables: nftables.map(({ name, base, rules }) => ({
    name,
    base,
    rules: rules.map((rule) => ({
      family: rule.family,
      matches: rule.matches.map(matchToWire),
      verdict: verdictToWire(rule.verdict),
    })),
  })),
});

const networkFromWire = ({ links, sysctls, nftables }: wire.NetworkPlan): NetworkPlan => ({
  links: links.map(linkFromWire),
  ...defined({ sysctls: nonEmpty(sysctls), nftables: nonEmpty(nftables.map(chainFromWire)) }),
});

const passtPortsToWire = ({ from, to }: PasstPorts): wire.PasstPorts => ({ from, to });
const passtPortsFromWire = (ports: wire.PasstPorts): PasstPorts => ({ ...defined(ports), from: ports.from });

const passtForwardToWire = ({ protocol, ports, except }: PasstForward): wire.PasstForward => ({
  protocol,
  ports: ports.map(passtPortsToWire),
  except: except.map(passtPortsToWire),
});

const passtForwardFromWire = ({ protocol, ports, except }: wire.PasstForward): PasstForward => ({
  protocol: oneOf(protocol, ["tcp", "udp"], "a forward's protocol"),
  ports: ports.map(passtPortsFromWire),
  except: except.map(passtPortsFromWire),
});

function domainToWire(domain: DomainPlan): wire.DomainPlan {
  switch (domain.kind) {
    case "tap":
      return { kind: { $case: "tap", value: {} } };
    case "passt":
      return { kind: { $case: "passt", value: { forward: domain.forward.map(passtForwardToWire) } } };
    case "vhostuser": {
      const { kind, ...value } = domain;
      return { kind: { $case: kind, value } };
    }
    case "vdpa": {
      const { kind, ...value } = domain;
      return { kind: { $case: kind, value } };
    }
    case "hostdev": {
      const { kind, ...value } = domain;
      return { kind: { $case: kind, value } };
    }
    case "userNetwork": {
      const { kind, ...value } = domain;
      return { kind: { $case: kind, value } };
    }
    default:
      return domain satisfies never;
  }
}

function domainFromWire(message: wire.DomainPlan | undefined): DomainPlan {
  const domain = required(message?.kind, "the domain part");
  switch (domain.$case) {
    case "tap":
      return { kind: "tap" };
    case "passt":
      return { kind: "passt", forward: domain.value.forward.map(passtForwardFromWire) };
    case "vhostuser": {
      const { socket, mode, queues } = domain.value;
      return { kind: "vhostuser", socket, mode: oneOf(mode, ["server", "client"], "the vhost-user mode"), queues };
    }
    case "vdpa":
      return { kind: "vdpa", ...domain.value };
    case "userNetwork": {
      const { network, search, forward } = domain.value;
      return { kind: "userNetwork", network, search, forward: forward.map(portFromWire) };
    }
    case "hostdev":
      return { kind: "hostdev", ...domain.value };
    default:
      return domain satisfies never;
  }
}

/** A plan for the wire. */
export const planToWire = (plan: Plan): wire.PlanResponse => ({
  network: plan.network && networkToWire(plan.network),
  services: (plan.services ?? []).map(serviceToWire),
  domain: domainToWire(plan.domain),
});

/** A plan from the wire. @throws BindingError ATTACHMENT_INVALID */
export const planFromWire = ({ network, services, domain }: wire.PlanResponse): Plan => ({
  ...defined({ network: network && networkFromWire(network), services: nonEmpty(services.map(serviceFromWire)) }),
  domain: domainFromWire(domain),
});
