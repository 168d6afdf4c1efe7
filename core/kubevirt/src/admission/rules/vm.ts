import { type Violation, violation } from "@netbind/contract";
import type { CloudInitSource } from "../../api.ts";
import { isLabel, isSubdomain } from "../../values/object-name.ts";
import { defaultVmi } from "../default-vmi.ts";
import { quote, type Rule } from "./rule.ts";

const PROBES = ["readinessProbe", "livenessProbe"] as const;
const HANDLERS = ["httpGet", "tcpSocket"] as const;

/** The most bytes of a network configuration that a VM itself contains. */
const MOST_NETWORK_DATA = 2048;
const NETWORK_DATA = ["networkData", "networkDataBase64", "networkDataSecretRef"] as const;

/** What is wrong with how a cloud-init volume configures the guest's network. */
function networkDataProblems(source: CloudInitSource, path: string): readonly Violation[] {
  const given = NETWORK_DATA.filter((key) => source[key] !== undefined && source[key] !== "");
  const bytes = Math.max(
    utf8Length(source.networkData ?? ""),
    Math.floor(((source.networkDataBase64?.length ?? 0) * 3) / 4),
  );
  return [
    ...(given.length > 1
      ? [
          violation(
            path,
            `the volume has more than one network configuration: ${given.join(" and ")}`,
            "keep one of them",
          ),
        ]
      : []),
    ...(bytes > MOST_NETWORK_DATA
      ? [
          violation(
            `${path}.${given[0]}`,
            `${bytes} bytes are more than ${MOST_NETWORK_DATA}`,
            "put them into a Secret, and name it in networkDataSecretRef",
          ),
        ]
      : []),
  ];
}

const utf8Length = (text: string): number => encodeURIComponent(text.toWellFormed()).replace(/%../g, "x").length;

/** What is asked of the rest of a VM where networking has a part in it. Source: reference, section 3.9. */
export const VM_RULES: readonly Rule[] = [
  {
    id: "NAME-1",
    means: "A VM has a name and a namespace that are valid in Kubernetes.",
    why: "The names of its pod and of its resources contain them.",
    fix: "use lower-case letters, digits, - and (in a name) dots",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "vm",
    find: ({ vmi: { metadata } }) => {
      const { name, namespace } = metadata;
      const fix = "use lower-case letters, digits, - and (in a name) dots";
      return [
        ...(isSubdomain(name) ? [] : [violation("metadata.name", `${quote(name)} is not a valid object name`, fix)]),
        ...(isLabel(namespace)
          ? []
          : [violation("metadata.namespace", `${quote(namespace)} is not a valid namespace`, fix)]),
      ];
    },
  },
  {
    id: "CLOUD-1",
    means: "A cloud-init volume configures the guest's network once, in at most 2048 bytes.",
    why: "The VM object itself contains the text; a Secret holds more.",
    fix: "put the network configuration into a Secret, and name it in networkDataSecretRef",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "vm",
    find: ({ vmi: { spec } }) =>
      (spec.volumes ?? []).flatMap(({ cloudInitNoCloud }, at) =>
        cloudInitNoCloud === undefined
          ? []
          : networkDataProblems(cloudInitNoCloud, `spec.volumes[${at}].cloudInitNoCloud`),
      ),
  },
  {
    id: "DEFAULT-1",
    means: "A VM that names no network gets the cluster's default, which the cluster must permit.",
    why: "The KubeVirt CR sets the default interface (bridge where it sets none), and may forbid it.",
    fix: "name interfaces and networks, or set defaultNetworkInterface: masquerade in the KubeVirt CR",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "vm",
    find: ({ vmi, configuration }) => defaultVmi(vmi, configuration).violations,
  },
  {
    id: "PROBE-1",
    means: "A probe over the network takes a pod network.",
    why: "The kubelet probes the pod's own address; a multus default network does not count.",
    fix: "add a pod network, or use guestAgentPing or exec",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "vm",
    find: ({ vmi: { spec }, networks }) =>
      networks.some(({ pod }) => pod !== undefined)
        ? []
        : PROBES.flatMap((probe) =>
            HANDLERS.flatMap((handler) =>
              spec[probe]?.[handler] === undefined
                ? []
                : [
                    violation(
                      `spec.${probe}.${handler}`,
                      `${handler} is only possible with a pod network`,
                      "add a pod network, or use guestAgentPing or exec",
                    ),
                  ],
            ),
          ),
  },
];
