import { isPlaceholder } from "./diff-links.ts";
import type { Operations } from "./diff.ts";
import { tableFamilies } from "./nft.ts";
import type { ObservedNetwork } from "./observed.ts";
import type { DesiredNetwork } from "./desired-network.ts";

/**
 * The link group that links are put into to be removed (`nb` in ASCII): the kernel waits once for all that leave together,
 * and for each that leaves alone. Whatever else is in a pod is in no such group.
 */
const LEAVING = 0x6e62;

const removeLinks = (names: readonly string[]): readonly string[] =>
  names.length < 2
    ? names.map((name) => `link del dev ${name}`)
    : [...names.map((name) => `link set dev ${name} group ${LEAVING}`), `link del group ${LEAVING}`];

/**
 * What takes a NIC's network out of a pod that lives on: what was made for it goes, and a pod link that was handed over has
 * its own name again, so that its network's plugin finds it. Applied twice it is empty the second time. Sysctls stay: other
 * NICs of the pod may need them.
 */
export function teardownNetwork(desired: DesiredNetwork, observed: ObservedNetwork): Operations {
  const links = new Map(observed.links.map((link) => [link.name, link]));
  const made = desired.plan.links.filter(({ kind, name }) => {
    const link = links.get(name);
    return link !== undefined && kind !== "adopted" && (kind !== "placeholder" || isPlaceholder(link));
  });
  const adopted = desired.plan.links.find(({ kind, name }) => kind === "adopted" && links.has(name));
  const { name: table } = desired.table;
  return {
    unrecoverable: [],
    ip: [
      ...removeLinks(made.map(({ name }) => name)),
      ...(adopted === undefined
        ? []
        : [`link set dev ${adopted.name} down nomaster`, `link set dev ${adopted.name} name ${desired.podLinkName}`]),
    ],
    sysctls: [],
    nft:
      observed.table === undefined || observed.table === null
        ? []
        : tableFamilies(desired.table).flatMap((family) => [
            { add: { table: { family, name: table } } },
            { delete: { table: { family, name: table } } },
          ]),
  };
}
