import type { ClusterFinding } from "@netbind/view";
import { type ClusterFacts, isOfMultusSet } from "../facts.ts";
import { fullNameOf, numberAt, textAt } from "../fields.ts";
import { isError, isWarning, objectOf, someOf } from "../found.ts";
import { listed } from "../looks.ts";

/** Who needs networks of multus: VMs, and registrations with a network of their own. */
function needing({ vmis, registry }: ClusterFacts): readonly string[] {
  const registered = Object.entries(registry?.entries ?? {}).filter(
    ([, entry]) => textAt(entry, "networkAttachmentDefinition") !== "",
  );
  return [
    ...listed(vmis).flatMap(({ name, definitions }) => (definitions.length > 0 ? [`VM ${name}`] : [])),
    ...registered.map(([name]) => `binding ${name}`),
  ];
}

const isServed = ({ definitions, daemonSets, vmis }: ClusterFacts): boolean =>
  "seen" in definitions &&
  (!("seen" in daemonSets) ||
    daemonSets.seen.some(isOfMultusSet) ||
    // Whatever it is called, it has reported a link.
    listed(vmis).some(({ isByMultus }) => isByMultus));

/** Multus in a few words. */
export function multusState(facts: ClusterFacts): string {
  const { definitions, daemonSets } = facts;
  if ("absent" in definitions) return "not installed";
  const sets = listed(daemonSets)
    .filter(isOfMultusSet)
    .map((set) => `${fullNameOf(set)} ${readyOf(set)}`);
  const { length } = listed(definitions);
  const count = `${length} definition${length === 1 ? "" : "s"}`;
  if (sets.length > 0) return `${sets.join(", ")}; ${count}`;
  return isServed(facts) ? `no DaemonSet of it is known; ${count}` : `no DaemonSet; ${count}`;
}

const readyOf = (set: unknown): string =>
  `${numberAt(set, "status", "numberReady")}/${numberAt(set, "status", "desiredNumberScheduled")} nodes`;

function checkDefinitions({ vmis, definitions }: ClusterFacts): readonly ClusterFinding[] {
  if (!("seen" in definitions)) return [];
  const known = new Set(definitions.seen);
  return listed(vmis).flatMap(({ name, definitions: named }) => {
    const [namespace = "", vmi = ""] = name.split("/");
    return named
      .filter((one) => !known.has(one))
      .map((one) =>
        isError("NETWORK_MISSING", {
          object: { kind: "VirtualMachineInstance", namespace, name: vmi },
          problem: `NetworkAttachmentDefinition ${one} does not exist: no pod is made for the VM, or multus refuses it`,
          fix: "create it, or correct the name in the VM's networks",
        }),
      );
  });
}

/** Multus, where anything needs it, and the definitions that VMs name. */
export function checkNetworks(facts: ClusterFacts): readonly ClusterFinding[] {
  const { definitions, daemonSets } = facts;
  const who = needing(facts);
  if (who.length > 0 && !("unknown" in definitions) && !isServed(facts)) {
    const what = "absent" in definitions ? "does not know NetworkAttachmentDefinitions" : "has no DaemonSet of multus";
    return [
      isError("MULTUS_MISSING", {
        object: { kind: "CustomResourceDefinition", name: "network-attachment-definitions.k8s.cni.cncf.io" },
        problem: `the cluster ${what}, and ${someOf(who)} need${who.length === 1 ? "s" : ""} networks of multus`,
        fix: "install multus; a pod that was made without it has to be made again: restart its VM",
      }),
    ];
  }
  const sets = listed(daemonSets).filter(isOfMultusSet);
  const behind = sets.filter(
    (set) => numberAt(set, "status", "numberReady") < numberAt(set, "status", "desiredNumberScheduled"),
  );
  return [
    ...behind.map((set) =>
      isWarning("MULTUS_NOT_READY", {
        object: objectOf("DaemonSet", set),
        problem: `it is ready on ${readyOf(set)}: pods with networks of multus do not start on the others`,
        fix: `see its pods: kubectl get pods -n ${textAt(set, "metadata", "namespace")} -o wide`,
      }),
    ),
    ...checkDefinitions(facts),
  ];
}
