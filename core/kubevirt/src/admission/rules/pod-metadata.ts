import { violation } from "@netbind/contract";
import { hasMeshLabel, MESH_INJECTION } from "../../nic/nic-spec.ts";
import { ignored } from "./netbind-rules.ts";
import type { Rule } from "./rule.ts";
import { quote } from "./rule.ts";

/** Multus' annotation of a pod whose default network is another than the cluster's. */
const DEFAULT_NETWORK = "v1.multus-cni.io/default-network";

/** What is asked of annotations and labels that the VM's pod gets. Source: reference, sections 1.4 and 1.5 (pod), 7.1. */
export const POD_METADATA_RULES: readonly Rule[] = [
  ignored({
    id: "NET-8",
    means: "A VM on the pod network does not take another default network by annotation.",
    why: "The annotation goes to the pod as it stands: multus attaches that network as the pod's first, and KubeVirt still takes it for the cluster's own.",
    fix: "remove the annotation, or write multus: {networkName: ..., default: true} in place of pod: {}",
    find: ({ vmi, networks }) => {
      const given = vmi.metadata.annotations?.[DEFAULT_NETWORK];
      const pod = networks.find((network) => network.pod !== undefined);
      if (!given || pod === undefined || networks.some(({ multus }) => multus?.default === true)) return [];
      return [
        violation(
          "metadata.annotations",
          `${DEFAULT_NETWORK}: ${quote(given)} puts network ${quote(pod.name)} on another network than the pod network that it names`,
          `remove the annotation, or write multus: {networkName: ${given}, default: true} in place of pod: {}`,
        ),
      ];
    },
  }),
  ignored({
    id: "MESH-2",
    means: "A service mesh is asked for by annotation.",
    why: "The label alone has the proxy injected, and KubeVirt, which reads the annotation, does not forward to it: the guest's traffic goes past the mesh.",
    fix: `write ${MESH_INJECTION}: "true" under metadata.annotations; KubeVirt makes the pod's label of it`,
    find: ({ vmi, networks }) =>
      hasMeshLabel(vmi) && networks.some(({ pod }) => pod !== undefined)
        ? [
            violation(
              "metadata.labels",
              `${MESH_INJECTION}: ${quote(vmi.metadata.labels?.[MESH_INJECTION])} is a label, and KubeVirt looks for the annotation`,
              `write ${MESH_INJECTION}: "true" under metadata.annotations`,
            ),
          ]
        : [],
  }),
];
