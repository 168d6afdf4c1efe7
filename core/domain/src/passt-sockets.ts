import type { Plan, XmlElement } from "@netbind/contract";

/** A closed range of ports. */
export type PortRange = readonly [first: number, last: number];

const LAST_PORT = 65_535;

/** True for a NIC that passt serves: a process beside the hypervisor, which libvirt starts and which may die alone. */
export const isServedByPasst = ({ domain }: Plan): boolean =>
  domain.kind === "device" &&
  domain.element.children?.some(({ name, attributes }) => name === "backend" && attributes?.["type"] === "passt") === true;

const rangeOf = ({ attributes = {} }: XmlElement): PortRange => {
  const first = Number(attributes["start"]);
  return [first, Number(attributes["end"] ?? first)];
};

/** The ports of a protocol that passt listens on: those that are listed, else all that are neither excluded nor ephemeral. */
function portsOf({ children = [] }: XmlElement, ephemeral: PortRange): number {
  const listed = children.filter(({ attributes }) => attributes?.["exclude"] === undefined).map(rangeOf);
  const isIn = (port: number, [first, last]: PortRange): boolean => port >= first && port <= last;
  const excluded = children.filter(({ attributes }) => attributes?.["exclude"] !== undefined).map(rangeOf);
  const ranges: readonly PortRange[] = listed.length > 0 ? listed : [[1, LAST_PORT]];
  const ports = new Set(ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, at) => first + at)));
  const kept = [...ports].filter((port) => !excluded.some((range) => isIn(port, range)) && (listed.length > 0 || !isIn(port, ephemeral)));
  return kept.length;
}

/**
 * How many sockets passt opens to listen for a NIC: one for each port of each protocol, whatever the number of address
 * families (passt(1), --tcp-ports). 0 where passt does not serve it.
 */
export function passtSockets(plan: Plan, ephemeral: PortRange): number {
  if (!isServedByPasst(plan) || plan.domain.kind !== "device") return 0;
  return (plan.domain.element.children ?? [])
    .filter(({ name }) => name === "portForward")
    .reduce((sum, forward) => sum + portsOf(forward, ephemeral), 0);
}
