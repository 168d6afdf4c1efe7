import { violation } from "@netbind/contract";
import type { KubevirtConfiguration } from "../api.ts";
import { nearestName, withMeant } from "../values/nearest-name.ts";
import { formatVersion, GATES, type GateName, hasGate, type KubevirtMinor, NEWEST_KUBEVIRT } from "../versions.ts";
import { registrationsOf } from "../vmi.ts";
import { REGISTERED_FIELD_RULES } from "./rules/registered-fields.ts";
import { type DescribedBindings, quote, type RuleText } from "./rules/rule.ts";
import type { Finding } from "./validate-vmi.ts";

const NETWORK = "spec.configuration.network";
const DEVELOPER = "spec.configuration.developerConfiguration";
const GATE_LIST = `${DEVELOPER}.featureGates`;

/** What KubeVirt reads of its CR, and what comes of a value that it does not take. */
interface ClusterRule {
  readonly text: RuleText;
  readonly find: (
    configuration: KubevirtConfiguration,
    version: KubevirtMinor,
  ) => readonly { readonly field: string; readonly problem: string; readonly fix?: string }[];
}

const ignoredText = (text: Omit<RuleText, "reason" | "consequence" | "judge">): RuleText => ({
  ...text,
  reason: "FieldValueInvalid",
  consequence: "ignored",
  judge: "netbind",
});

/** The words that KubeVirt takes for the NIC of a VM that names none. */
const DEFAULTS: readonly string[] = ["bridge", "masquerade", "slirp"];
const SLIRP_REMOVED = 3;

/** The lists of feature gates, each with the first version that reads it. */
const GATE_LISTS = [
  ["featureGates", 1],
  ["disabledFeatureGates", 8],
] as const;

/** The most edits that a slip in a gate's name takes. No gate of another part of KubeVirt is as near to one of networking. */
const MOST_EDITS = 2;

/** The gate of networking that a name is a slip of: gates' names are compared with their case. */
function meantGate(name: string, version: KubevirtMinor): string | undefined {
  if (Object.hasOwn(GATES, name)) return undefined;
  const known = (Object.keys(GATES) as GateName[]).filter((gate) => hasGate(gate, version));
  return nearestName(name, known, MOST_EDITS);
}

const RULES: readonly ClusterRule[] = [
  {
    text: ignoredText({
      id: "CR-1",
      means: "The KubeVirt CR's defaultNetworkInterface is bridge, masquerade or, up to 1.2, slirp.",
      why: "KubeVirt takes a CR with another word for invalid as a whole, and goes on with the last valid one.",
      fix: "write masquerade or bridge",
      outcome: "KubeVirt goes on with the last valid configuration",
    }),
    find: ({ network }) =>
      !network?.defaultNetworkInterface || DEFAULTS.includes(network.defaultNetworkInterface)
        ? []
        : [
            {
              field: `${NETWORK}.defaultNetworkInterface`,
              problem: `${quote(network.defaultNetworkInterface)} is not a default NIC that KubeVirt has`,
            },
          ],
  },
  {
    text: ignoredText({
      id: "CR-2",
      means: "The KubeVirt CR's defaultNetworkInterface is one that the cluster's version has.",
      why: "KubeVirt removed slirp in 1.3, and refuses every VM that names no interface where it is the default.",
      fix: "write masquerade or bridge",
      outcome: "KubeVirt refuses every VM that names no interface",
      since: SLIRP_REMOVED,
    }),
    find: ({ network }) =>
      network?.defaultNetworkInterface === "slirp"
        ? [{ field: `${NETWORK}.defaultNetworkInterface`, problem: "KubeVirt removed the default NIC slirp in 1.3" }]
        : [],
  },
  {
    text: ignoredText({
      id: "CR-3",
      means: "The KubeVirt CR does not permit slirp where KubeVirt has none.",
      why: "KubeVirt reads permitSlirpInterface up to 1.2, and nothing reads it later.",
      fix: "remove it",
      since: 3,
    }),
    find: ({ network }) =>
      network?.permitSlirpInterface === undefined
        ? []
        : [
            {
              field: `${NETWORK}.permitSlirpInterface`,
              problem: "permitSlirpInterface has no effect: KubeVirt removed the core binding slirp in 1.3",
            },
          ],
  },
  {
    text: ignoredText({
      id: "CR-4",
      means: "The KubeVirt CR lists no feature gate of networking that is discontinued.",
      why: "The gate does nothing, and KubeVirt refuses VMs that rely on it.",
      fix: "remove it from the list",
      since: 3,
    }),
    find: ({ developerConfiguration }, version) =>
      (developerConfiguration?.featureGates ?? []).flatMap((name, at) => {
        const since = Object.hasOwn(GATES, name) ? GATES[name as GateName].discontinued : undefined;
        return since === undefined || version < since
          ? []
          : [
              {
                field: `${GATE_LIST}[${at}]`,
                problem: `the feature gate ${name} is discontinued since KubeVirt ${formatVersion(since)}`,
              },
            ];
      }),
  },
  {
    text: ignoredText({
      id: "CR-5",
      means: "The KubeVirt CR lists the feature gates of networking by their names.",
      why: "KubeVirt ignores a name that it does not know, so the gate stays as it is by default.",
      fix: "write the gate's name, upper and lower case as KubeVirt has them",
    }),
    find: ({ developerConfiguration }, version) =>
      GATE_LISTS.filter(([, since]) => version >= since).flatMap(([list]) =>
        (developerConfiguration?.[list] ?? []).flatMap((name, at) => {
          const meant = meantGate(name, version);
          const problem = `KubeVirt does not know the feature gate ${quote(name)}, and ignores it`;
          if (meant === undefined) return [];
          return [{ field: `${DEVELOPER}.${list}[${at}]`, problem, fix: withMeant(meant, "remove it from the list") }];
        }),
      ),
  },
];

/** The texts of all rules about what configures a cluster. */
export const CLUSTER_RULES: readonly RuleText[] = RULES.map(({ text }) => text);

/** How a cluster is configured, and what is known of it. */
export interface ConfiguredCluster {
  readonly configuration: KubevirtConfiguration;
  readonly version: KubevirtMinor;
  readonly described: DescribedBindings;
  /** Names of plugins that are left out: what is wrong with them is said at their VMs. */
  readonly usedPlugins: ReadonlySet<string>;
}

const isInForce = ({ since = 1, until = NEWEST_KUBEVIRT }: RuleText, version: KubevirtMinor): boolean =>
  version >= since && version <= until;

/** What is wrong with the registrations of a cluster's plugins, each at its field of the KubeVirt CR. */
function validateRegistrations(cluster: ConfiguredCluster): readonly Finding[] {
  const { configuration, version, described, usedPlugins } = cluster;
  const rules = REGISTERED_FIELD_RULES.filter(({ text }) => isInForce(text, version));
  return Object.entries(registrationsOf(configuration))
    .filter(([name]) => !usedPlugins.has(name))
    .flatMap(([name, registration]) =>
      rules.flatMap(({ text: rule, inspect }) =>
        inspect({ name, registration, version, isServed: described.has(name) }).map(({ field, problem, fix }) => ({
          ...violation([NETWORK, "binding", name, field].filter((step) => step !== undefined).join("."), problem, fix),
          rule,
          reason: rule.reason,
        })),
      ),
    );
}

/** What KubeVirt takes of its CR, and does nothing or something else for: each at its field there. */
export const validateCluster = (cluster: ConfiguredCluster): readonly Finding[] => [
  ...RULES.filter(({ text }) => isInForce(text, cluster.version)).flatMap(({ text: rule, find }) =>
    find(cluster.configuration, cluster.version).map(({ field, problem, fix = rule.fix }) => ({
      ...violation(field, problem, fix),
      rule,
      reason: rule.reason,
    })),
  ),
  ...validateRegistrations(cluster),
];
