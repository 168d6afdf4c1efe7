import {
  type KubevirtConfiguration,
  nearestVersion,
  NEWEST_KUBEVIRT,
  type Vmi,
  type VmiSpec,
  type NetworkAttachmentDefinition,
} from "@netbind/kubevirt";
import { checkVmiSpec, defaultVmi, findMistakes, type Finding } from "@netbind/kubevirt/admission";
import type { ClusterFinding, ClusterObject } from "@netbind/view";
import { objectAt, textAt } from "../fields.ts";
import { isError } from "../found.ts";
import { seenOf } from "../looks.ts";
import { configurationOf, versionOf } from "../registry.ts";
import type { Released } from "../released.ts";
import type { VmFacts } from "./vm-facts.ts";

/** The VMI that a VM is, or makes. */
function vmiOf({ vm, vmi, template }: VmFacts): Vmi {
  const object = vmi ?? vm;
  const { labels, annotations } = objectAt(template, "metadata") as Pick<Vmi["metadata"], "labels" | "annotations">;
  const metadata = { name: textAt(object, "metadata", "name"), namespace: textAt(object, "metadata", "namespace") };
  return {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: { ...metadata, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) },
    spec: objectAt(template, "spec") as unknown as VmiSpec,
  };
}

/** Rules that are said in words of a cluster elsewhere. */
const ELSEWHERE: readonly string[] = ["NAD-1"];

/** What KubeVirt would refuse of a VM, or leave waiting, by the cluster's own CR and version. */
function findFatal(facts: VmFacts, configuration: KubevirtConfiguration, { plugins }: Released): readonly Finding[] {
  const version = (facts.kubevirt && nearestVersion(versionOf(facts.kubevirt))) ?? NEWEST_KUBEVIRT;
  const { vmi } = defaultVmi(vmiOf(facts), configuration);
  const nads = [...facts.definitions.values()].flatMap((look) => seenOf(look) ?? []);
  const context = {
    configuration,
    version,
    described: plugins,
    nads: nads as unknown as NetworkAttachmentDefinition[],
  };
  return findMistakes(vmi, context).filter(
    ({ rule }) => rule.consequence !== "ignored" && !ELSEWHERE.includes(rule.id),
  );
}

function findMissing({ definitions }: VmFacts, object: ClusterObject): readonly ClusterFinding[] {
  return [...definitions].flatMap(([name, look]) =>
    "absent" in look
      ? [
          isError("NETWORK_MISSING", {
            object,
            field: "spec.networks",
            problem: `NetworkAttachmentDefinition ${name} does not exist: no pod is made for the VM, or multus refuses it`,
            fix: "create it (and install multus, where the cluster has none), or correct the name in the VM's networks",
          }),
        ]
      : [],
  );
}

/** What is wrong with the spec of a VM that keeps it from running in its cluster. */
export function checkSpec(facts: VmFacts, object: ClusterObject, released: Released): readonly ClusterFinding[] {
  const { kubevirt, template } = facts;
  const prefix = facts.vmi === undefined ? "spec.template." : "";
  const misshapen = checkVmiSpec(template["spec"]);
  const wrong =
    misshapen.length > 0
      ? misshapen.map((one) => ({ ...one, code: "SCHEMA" }))
      : findFatal(facts, kubevirt === undefined ? {} : configurationOf(kubevirt), released).map((one) => ({
          ...{ field: one.field, problem: one.problem, fix: one.fix },
          code: one.rule.id,
        }));
  return [
    ...wrong.map(({ code, field, problem, fix }): ClusterFinding => {
      return { code, severity: "error", object, field: `${prefix}${field}`, problem, fix };
    }),
    ...findMissing(facts, object),
  ];
}
