import { scanXml } from "./scan.ts";
import { childOf, type XmlNode } from "./xml-node.ts";

/** What may differ: where libvirt put a device, and a link's state, which is the guest's. */
const PLACED: readonly string[] = ["address", "alias", "link"];

/** Each attribute below an element, as `mtu size=1500`. */
const facts = (node: XmlNode): readonly string[] => [
  ...[...node.attributes].map(([name, value]) => `${node.name} ${name}=${value}`),
  ...node.children.filter(({ name }) => !PLACED.includes(name)).flatMap(facts),
];

const ALIAS = /^ua-(?:sriov-)?(.+)$/;

function nicFacts(xml: string): ReadonlyMap<string, ReadonlySet<string>> {
  const nodes = (childOf(scanXml(xml), "devices")?.children ?? []).filter(
    ({ name }) => name === "interface" || name === "hostdev",
  );
  return new Map(
    nodes.flatMap((node) => {
      const name = ALIAS.exec(childOf(node, "alias")?.attributes.get("name") ?? "")?.[1];
      return name === undefined ? [] : [[name, new Set(facts(node))] as const];
    }),
  );
}

/**
 * How the NICs of a domain that is to be moved differ from those of a pod's own domain: a line for each, none where it fits.
 * The guest keeps its devices, so what a pod has must be what they are.
 *
 * @throws BindingError DOMAIN_INVALID
 */
export function diffDomainNics(moving: string, own: string): readonly string[] {
  const [had, has] = [nicFacts(moving), nicFacts(own)];
  const names = [...new Set([...had.keys(), ...has.keys()])];
  return names.flatMap((name) => {
    const [before, after] = [had.get(name), has.get(name)];
    if (before === undefined || after === undefined)
      return [`NIC ${name} is only in the ${before === undefined ? "next" : "running"} domain`];
    return [
      ...[...before]
        .filter((fact) => !after.has(fact))
        .map((fact) => `NIC ${name} has ${fact} now, and would not have it after the migration`),
      ...[...after]
        .filter((fact) => !before.has(fact))
        .map((fact) => `NIC ${name} would have ${fact} after the migration, and does not have it now`),
    ];
  });
}
