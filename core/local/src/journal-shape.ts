import type { LinkPlan } from "@netbind/contract";

/** What every record of a VM has, checked before anything of it is acted on: a damaged one must not lead anywhere. */

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isNumber: Check = (value) => typeof value === "number" && Number.isFinite(value);
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  value !== null && typeof value === "object" && !Array.isArray(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const mapOf =
  (check: Check): Check =>
  (value) =>
    isObject(value) && Object.values(value).every(check);
const shape =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isObject(value) && Object.entries(fields).every(([name, check]) => check(value[name]));
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

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

const FIELDS: Readonly<Record<string, Check>> = {
  id: isText,
  namespace: isText,
  name: isText,
  uid: isText,
  source: isText,
  createdAt: isText,
  phase: (phase) => phase === "starting" || phase === "running" || phase === "stopping",
  vmi: shape({
    metadata: shape({ name: isText, namespace: isText }),
    spec: shape({
      domain: shape({ devices: shape({ interfaces: optional(listOf(shape({ name: isText }))) }) }),
      networks: optional(listOf(isObject)),
    }),
  }),
  netns: isText,
  serviceUid: isNumber,
  attachments: listOf(
    shape({
      network: isText,
      ifname: isText,
      containerId: isText,
      config: shape({ plugins: listOf(shape({ type: isText })) }),
      args: optional(mapOf(isText)),
      mac: optional(isText),
      cniArgs: optional(mapOf(isText)),
      device: optional(shape({ resource: isText, id: isText, facts: optional(mapOf(isText)) })),
      nodes: optional(listOf(shape({ path: isText, major: isNumber, minor: isNumber }))),
    }),
  ),
  bindings: mapOf(isText),
  nics: mapOf(
    shape({
      before: optional(podLink),
      plan: optional(
        shape({ network: optional(network), services: optional(listOf(shape({ kind: isText, link: isText }))), domain: isObject }),
      ),
      wanted: optional(
        shape({
          plan: network,
          table: shape({ family: isText, name: isText, fence: optional(shape({ outside: isText })) }),
          owner: shape({ uid: isNumber, gid: isNumber }),
        }),
      ),
    }),
  ),
  attached: optional(listOf(shape({ name: isText, mac: isText }))),
  sidecars: optional(mapOf(shape({ container: isText, node: isText, bundle: isText }))),
  processes: listOf(shape({ role: isText, processes: listOf(process) })),
  domainXml: optional(isText),
};

/** The first field of a record that is not as it is written; undefined where all are. */
export function damagedField(record: unknown): string | undefined {
  if (!isObject(record)) return "the record itself";
  return Object.entries(FIELDS).find(([name, check]) => !check(record[name]))?.[0];
}
