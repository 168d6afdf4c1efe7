import { defined } from "@netbind/contract";
import { childOf, scanXml, type XmlNode } from "@netbind/domain";
import type { Vmi } from "../api.ts";
import { interfaceOf } from "../vmi.ts";

/** What a config drive reports to a guest about a NIC that its author tagged (`devices` of its meta data). */
export interface TaggedDevice {
  readonly type: "nic";
  readonly bus: string;
  /** `DDDD:BB:SS.F`: the device's address in the guest. */
  readonly address: string;
  readonly mac?: string;
  readonly tags: readonly [string];
}

const ALIAS = /^ua-(?:sriov-)?(.+)$/;
const digits = (node: XmlNode | undefined, name: string): string =>
  (node?.attributes.get(name) ?? "").replace(/^0x/, "");

/** The tagged NICs of a running domain, in its order. Source: reference, section 4.6. @throws BindingError DOMAIN_INVALID */
export function taggedDevices(vmi: Vmi, domainXml: string): readonly TaggedDevice[] {
  const devices = childOf(scanXml(domainXml), "devices")?.children ?? [];
  return devices.flatMap((node): readonly TaggedDevice[] => {
    const name = ALIAS.exec(childOf(node, "alias")?.attributes.get("name") ?? "")?.[1];
    const tag = interfaceOf(vmi, name)?.tag;
    const address = childOf(node, "address");
    if ((node.name !== "interface" && node.name !== "hostdev") || !tag || address === undefined) return [];
    const mac = childOf(node, "mac")?.attributes.get("address");
    return [
      {
        type: "nic",
        bus: address.attributes.get("type") ?? "",
        address: `${digits(address, "domain")}:${digits(address, "bus")}:${digits(address, "slot")}.${digits(address, "function")}`,
        ...defined({ mac }),
        tags: [tag],
      },
    ];
  });
}
