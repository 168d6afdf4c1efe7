import type { LinkPlan, Plan, PodLink } from "@netbind/contract";
import { type Check, isNumber, isObject, isText, listOf, mapOf, optional, shape } from "@netbind/contract/shape";
import type { DesiredNetwork } from "@netbind/engine";
import type { NicRecord, PodRecord } from "@netbind/netns";
import type { HostPodRecord } from "./host-pod-record.ts";
import type { RecordFields } from "./pod-record-file.ts";

/** Checks of some fields of a type: one that is renamed there has no check here, and that does not compile. */
type ChecksOf<T> = Readonly<Partial<Record<keyof T, Check>>>;

const process = shape({ pid: isNumber, startTime: isNumber });
const LINK_KINDS: readonly unknown[] = [
  "bridge",
  "tap",
  "adopted",
  "placeholder",
] satisfies readonly LinkPlan["kind"][];
const link = shape({
  kind: (kind) => LINK_KINDS.includes(kind),
  name: isText,
  mtu: isNumber,
} satisfies ChecksOf<LinkPlan>);
const network = shape({
  links: listOf(link),
  sysctls: optional(listOf(shape({ key: isText, value: isText }))),
} satisfies ChecksOf<NonNullable<Plan["network"]>>);
const podLink = shape({
  name: isText,
  mac: isText,
  mtu: isNumber,
  addresses: listOf(isText),
  routes: listOf(shape({ destination: isText })),
} satisfies ChecksOf<PodLink>);
const plan = shape({
  network: optional(network),
  services: optional(listOf(shape({ kind: isText, link: isText }))),
  domain: isObject,
} satisfies ChecksOf<Plan>);
const table = shape({
  family: isText,
  name: isText,
  serverGuard: optional(shape({ outside: isText })),
  guard: optional(shape({ links: listOf(isText) })),
} satisfies ChecksOf<DesiredNetwork["table"]>);
const desired = shape({
  plan: network,
  table,
  owner: shape({ uid: isNumber, gid: isNumber }),
} satisfies ChecksOf<DesiredNetwork>);
const nic = shape({
  podLink: optional(podLink),
  plan: optional(plan),
  desired: optional(desired),
  appliedTable: optional(listOf(isObject)),
} satisfies Record<keyof NicRecord, Check>);

/** What every {@link HostPodRecord} has; its version is checked before. */
export const POD_RECORD_FIELDS: RecordFields = {
  serviceUid: isNumber,
  nics: mapOf(nic),
  processes: listOf(
    shape({ role: isText, processes: listOf(process) } satisfies Record<keyof PodRecord["processes"][number], Check>),
  ),
  facts: optional(shape({ hostname: isText, resolvConf: isObject })),
  bindings: mapOf(isText),
  attached: optional(listOf(shape({ name: isText, mac: isText }))),
  cgroup: optional(isText),
} satisfies Record<Exclude<keyof HostPodRecord, "version">, Check>;
