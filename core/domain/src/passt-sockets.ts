import type { PasstForward, PasstPorts, Plan } from "@netbind/contract";

/** A closed range of ports. */
export type PortRange = readonly [first: number, last: number];

const EVERY_PORT: PortRange = [1, 65_535];

/** True for a NIC that passt serves: a process beside the hypervisor, which libvirt starts and which may die alone. */
export const isServedByPasst = ({ domain }: Plan): boolean => domain.kind === "passt";

const rangeOf = ({ from, to = from }: PasstPorts): PortRange => [from, to];
const isIn = (port: number, [first, last]: PortRange): boolean => port >= first && port <= last;

/** The ports of a protocol that passt listens on: those that are listed, else all that are neither excepted nor ephemeral. */
function countPorts({ ports, except }: PasstForward, ephemeral: PortRange): number {
  const ranges = ports.length > 0 ? ports.map(rangeOf) : [EVERY_PORT];
  const kept = [...except.map(rangeOf), ...(ports.length > 0 ? [] : [ephemeral])];
  const listed = new Set(
    ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, at) => first + at)),
  );
  return [...listed].filter((port) => !kept.some((range) => isIn(port, range))).length;
}

/**
 * How many sockets passt opens to listen for a NIC: one for each port of each protocol, whatever the number of address
 * families (passt(1), --tcp-ports). 0 where passt does not serve it.
 */
export const passtSockets = ({ domain }: Plan, ephemeral: PortRange): number =>
  domain.kind === "passt" ? domain.forward.reduce((sum, forward) => sum + countPorts(forward, ephemeral), 0) : 0;
