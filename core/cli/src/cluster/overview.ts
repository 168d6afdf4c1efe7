import type { ClusterBinding, ClusterOverview } from "@netbind/view";
import { readyOf } from "./checks/check-bindings.ts";
import { clusterNodes } from "./checks/check-agents.ts";
import { controllerState } from "./checks/check-controller.ts";
import { gatesOf, networkGates, SERVED_VERSIONS } from "./checks/check-kubevirt.ts";
import { multusState } from "./checks/check-networks.ts";
import { webhooksState } from "./checks/check-webhooks.ts";
import type { ClusterFacts } from "./facts.ts";
import { at, fullNameOf, textAt } from "./fields.ts";
import { listed } from "./looks.ts";
import { entryOf, type Registry, versionOf } from "./registry.ts";

/** An entry of the registry in a few words. */
function registeredAs(registry: Registry | undefined, name: string): string {
  const entry = registry === undefined ? undefined : entryOf(registry, name);
  if (entry === undefined) return "";
  const migration = textAt(entry, "migration", "method");
  return [
    textAt(entry, "domainAttachmentType"),
    ...(at(entry, "migration") === undefined ? [] : [migration === "" ? "migration" : `migration by ${migration}`]),
    textAt(entry, "sidecarImage"),
  ]
    .filter((text) => text !== "")
    .join(", ");
}

function bindingsOf({ registry, bindings }: ClusterFacts): readonly ClusterBinding[] {
  const objects = new Map(listed(bindings).map((one) => [one.metadata.name, one]));
  const names = [...new Set([...Object.keys(registry?.entries ?? {}), ...objects.keys()])].sort();
  return names.map((name) => {
    const object = objects.get(name);
    return {
      name,
      registered: registeredAs(registry, name),
      owners: registry?.ownersOf(name) ?? [],
      ready: object === undefined ? "" : readyOf(object),
    };
  });
}

/** What is in a cluster, of what Netbind needs. */
export function overviewOf(facts: ClusterFacts): ClusterOverview {
  const { kubevirt } = facts;
  const version = kubevirt === undefined ? "" : versionOf(kubevirt);
  return {
    kubevirt:
      kubevirt === undefined
        ? "none"
        : `${version || "of an unknown version"} (KubeVirt ${fullNameOf(kubevirt)}; this release serves ${SERVED_VERSIONS})`,
    gates: gatesOf(facts),
    networkGates: networkGates(facts),
    controller: controllerState(facts),
    webhooks: webhooksState(facts),
    multus: multusState(facts),
    bindings: bindingsOf(facts),
    nodes: clusterNodes(facts),
  };
}
