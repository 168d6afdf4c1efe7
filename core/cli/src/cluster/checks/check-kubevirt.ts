import { GATES, isGateOn, isNewerVersion, formatVersion, nearestVersion, NEWEST_KUBEVIRT } from "@netbind/kubevirt";
import type { ClusterFinding } from "@netbind/view";
import type { ClusterFacts } from "../facts.ts";
import { conditionOf, fullNameOf, textAt, textsAt } from "../fields.ts";
import { isError, isWarning, objectOf } from "../found.ts";
import { listed } from "../looks.ts";
import { configurationOf, versionOf } from "../registry.ts";

/** The oldest version (1.N) that agent and controller serve. */
const OLDEST_SERVED = 6;
const GATE = "NetworkBindingPlugins";

function checkVersion(kubevirt: NonNullable<ClusterFacts["kubevirt"]>): readonly ClusterFinding[] {
  const object = objectOf("KubeVirt", kubevirt);
  const text = versionOf(kubevirt);
  const version = nearestVersion(text);
  const field = "status.observedKubeVirtVersion";
  if (isNewerVersion(text))
    return [
      isWarning("KUBEVIRT_NEWER", {
        ...{
          object,
          field,
          problem: `${text} is newer than ${formatVersion(NEWEST_KUBEVIRT)}, the newest that this release knows`,
        },
        fix: "use a release of Netbind that knows it: until then its webhooks only warn",
      }),
    ];
  if (version === undefined || version >= OLDEST_SERVED) return [];
  return [
    isWarning("KUBEVIRT_UNSUPPORTED", {
      ...{ object, field, problem: `${text} is older than what Netbind serves on a cluster` },
      fix: `update KubeVirt to ${formatVersion(OLDEST_SERVED)} or newer`,
    }),
  ];
}

function checkGate(kubevirt: NonNullable<ClusterFacts["kubevirt"]>): readonly ClusterFinding[] {
  const version = nearestVersion(versionOf(kubevirt)) ?? NEWEST_KUBEVIRT;
  if (isGateOn(GATE, version, configurationOf(kubevirt).developerConfiguration)) return [];
  return [
    isError("GATE_OFF", {
      object: objectOf("KubeVirt", kubevirt),
      field: "spec.configuration.developerConfiguration.featureGates",
      problem: `the feature gate ${GATE} is off (${GATES[GATE].effect}): KubeVirt ${formatVersion(version)} refuses VMs that name a binding`,
      fix: `add ${GATE} to the list`,
    }),
  ];
}

function checkAvailable(kubevirt: NonNullable<ClusterFacts["kubevirt"]>): readonly ClusterFinding[] {
  const condition = conditionOf(kubevirt, "Available");
  if (condition === undefined || condition["status"] !== "False") return [];
  return [
    isError("KUBEVIRT_NOT_READY", {
      object: objectOf("KubeVirt", kubevirt),
      field: "status.conditions",
      problem: `Available is False: ${textAt(condition, "message") || textAt(condition, "reason")}`,
      fix: "see the log of virt-operator",
    }),
  ];
}

/** KubeVirt's version, its gates and its health; and plugins of its own, beside which bindings do not work. */
export function checkKubevirt({ kubevirt, isKubevirtKnown, plugins }: ClusterFacts): readonly ClusterFinding[] {
  if (kubevirt === undefined)
    return isKubevirtKnown
      ? [
          isError("KUBEVIRT_MISSING", {
            object: { kind: "CustomResourceDefinition", name: "kubevirts.kubevirt.io" },
            problem: "the cluster has no KubeVirt CR",
            fix: "install KubeVirt, or name another cluster with --context",
          }),
        ]
      : [];
  const foreign = listed(plugins).map((plugin) =>
    isError("KUBEVIRT_PLUGIN", {
      object: objectOf("Plugin", plugin),
      problem:
        "while a Plugin is there, KubeVirt prints every VM's domain from a schema that lacks fields: VMs lose devices that bindings and KubeVirt itself gave them",
      fix: `remove it if VMs can do without: kubectl delete plugins.plugin.kubevirt.io ${fullNameOf(plugin)}`,
    }),
  );
  return [...checkAvailable(kubevirt), ...checkVersion(kubevirt), ...checkGate(kubevirt), ...foreign];
}

/** The gates that the CR sets. */
export const gatesOf = ({ kubevirt }: ClusterFacts): readonly string[] =>
  textsAt(kubevirt, "spec", "configuration", "developerConfiguration", "featureGates");

/** Gates that networking asks for and that are on, of those that this release knows. */
export function networkGates({ kubevirt }: ClusterFacts): readonly string[] {
  if (kubevirt === undefined) return [];
  const version = nearestVersion(versionOf(kubevirt)) ?? NEWEST_KUBEVIRT;
  const switches = configurationOf(kubevirt).developerConfiguration;
  return (Object.keys(GATES) as (keyof typeof GATES)[]).filter((name) => isGateOn(name, version, switches));
}

/** The versions that this release serves on a cluster. */
export const SERVED_VERSIONS: string = `${formatVersion(OLDEST_SERVED)} to ${formatVersion(NEWEST_KUBEVIRT)}`;
