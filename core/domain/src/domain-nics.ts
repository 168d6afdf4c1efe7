import { defined } from "@netbind/contract";
import { scanXml } from "./scan.ts";
import { childOf } from "./xml-node.ts";

/** A NIC as a domain has it. */
export interface DomainNic {
  /** The logical name, from the alias. */
  readonly name: string;
  readonly mac: string;
  readonly target?: string;
  readonly linkDown: boolean;
  readonly kind: "interface" | "hostdev";
  /** Queues of its driver; absent where the domain says none. */
  readonly queues?: number;
  /** The element's own text. */
  readonly xml: string;
}

const ALIAS = /^ua-(?:sriov-)?(.+)$/;

/** The NICs of a domain that a VM's author named, in the domain's order. @throws BindingError DOMAIN_INVALID */
export function domainNics(xml: string): readonly DomainNic[] {
  const devices = childOf(scanXml(xml), "devices");
  return (devices?.children ?? []).flatMap((node): readonly DomainNic[] => {
    if (node.name !== "interface" && node.name !== "hostdev") return [];
    const name = ALIAS.exec(childOf(node, "alias")?.attributes.get("name") ?? "")?.[1];
    if (name === undefined) return [];
    const target = childOf(node, "target")?.attributes.get("dev");
    const queues = childOf(node, "driver")?.attributes.get("queues");
    return [
      {
        name,
        mac: childOf(node, "mac")?.attributes.get("address") ?? "",
        ...defined({ target }),
        kind: node.name,
        ...defined({ queues: queues === undefined ? undefined : Number(queues) }),
        linkDown: childOf(node, "link")?.attributes.get("state") === "down",
        xml: xml.slice(node.start, node.end),
      },
    ];
  });
}

/** A domain without one of its NICs. @throws BindingError DOMAIN_INVALID */
export function withoutNic(xml: string, name: string): string {
  const nic = domainNics(xml).find((candidate) => candidate.name === name);
  if (nic === undefined) return xml;
  const at = xml.indexOf(nic.xml);
  return xml.slice(0, at).trimEnd() + xml.slice(at + nic.xml.length);
}
