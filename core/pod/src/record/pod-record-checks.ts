import type { LinkPlan } from "@netbind/contract";
import { type Check, isNumber, isObject, isText, listOf, mapOf, optional, shape } from "@netbind/contract/shape";

const process = shape({ pid: isNumber, startTime: isNumber });
const LINK_KINDS: readonly unknown[] = ["bridge", "tap", "adopted", "placeholder"] satisfies readonly LinkPlan["kind"][];
const link = shape({ kind: (kind) => LINK_KINDS.includes(kind), name: isText, mtu: isNumber });
const network = shape({ links: listOf(link), sysctls: optional(listOf(shape({ key: isText, value: isText }))) });
const podLink = shape({
  name: isText,
  mac: isText,
  mtu: isNumber,
  addresses: listOf(isText),
  routes: listOf(shape({ destination: isText })),
});

/** What every host's record of a pod has. */
export const POD_RECORD_FIELDS: Readonly<Record<string, Check>> = {
  serviceUid: isNumber,
  nics: mapOf(
    shape({
      before: optional(podLink),
      plan: optional(
        shape({ network: optional(network), services: optional(listOf(shape({ kind: isText, link: isText }))), domain: isObject }),
      ),
      desired: optional(
        shape({
          plan: network,
          table: shape({
            family: isText,
            name: isText,
            fence: optional(shape({ outside: isText })),
            guard: optional(shape({ links: listOf(isText) })),
          }),
          owner: shape({ uid: isNumber, gid: isNumber }),
        }),
      ),
    }),
  ),
  processes: listOf(shape({ role: isText, processes: listOf(process) })),
};
