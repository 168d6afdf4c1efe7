import { type Violation, violation } from "@netbind/contract";
import type { VmiVolume } from "../../api.ts";
import { isLabel, isSubdomain } from "../../values/object-name.ts";
import { findRepeated, quote, type Rule } from "./rule.ts";

const VOLUMES = "spec.volumes";
const DISKS = "spec.domain.devices.disks";
const LABEL_FIX = "use at most 63 lower-case letters, digits and -, with a letter or a digit at both ends";
const SUBDOMAIN_FIX = "write the object's name: lower-case letters, digits, - and dots";

const labelProblems = (named: readonly { readonly name: string }[], list: string, what: string): readonly Violation[] =>
  named.flatMap(({ name }, at) =>
    isLabel(name)
      ? []
      : [violation(`${list}[${at}].name`, `${quote(name)} is not a valid name of a ${what}`, LABEL_FIX)],
  );

const repeatedNames = (named: readonly { readonly name: string }[], list: string): readonly Violation[] =>
  findRepeated(named.map(({ name }) => name)).map(({ at, first, value }) =>
    violation(
      `${list}[${at}].name`,
      `${quote(value)} is the name of ${list}[${first}] too`,
      "give each a name of its own",
    ),
  );

/** The objects that a volume names, by the field that names each. */
const references = ({
  configMap,
  secret,
  cloudInitNoCloud,
}: VmiVolume): readonly (readonly [field: string, name: string])[] => [
  ...(configMap === undefined ? [] : [["configMap.name", configMap.name ?? ""] as const]),
  ...(secret === undefined ? [] : [["secret.secretName", secret.secretName ?? ""] as const]),
  ...(["secretRef", "networkDataSecretRef"] as const).flatMap((key) => {
    const reference = cloudInitNoCloud?.[key];
    return reference === undefined ? [] : [[`cloudInitNoCloud.${key}.name`, reference.name ?? ""] as const];
  }),
];

/**
 * What is asked of the names of disks and volumes. KubeVirt asks a DNS label of a disk, whose name may become a container's,
 * and no name twice in a list; a volume's name becomes a volume's of the pod, which Kubernetes asks a DNS label of.
 */
export const VOLUME_RULES: readonly Rule[] = [
  {
    id: "DISK-1",
    means: "A disk's name is a DNS label.",
    why: "It may become the name of a container of the pod.",
    fix: LABEL_FIX,
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "vm",
    find: ({ vmi: { spec } }) => labelProblems(spec.domain.devices.disks ?? [], DISKS, "disk"),
  },
  {
    id: "DISK-2",
    means: "No two disks of a VM, and no two volumes of it, have the same name.",
    why: "A disk refers to its volume by name.",
    fix: "give each a name of its own",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "vm",
    find: ({ vmi: { spec } }) => [
      ...repeatedNames(spec.domain.devices.disks ?? [], DISKS),
      ...repeatedNames(spec.volumes ?? [], VOLUMES),
    ],
  },
  {
    id: "VOL-1",
    means: "A volume's name is a DNS label.",
    why: "It becomes the name of a volume of the pod, and Kubernetes refuses any other.",
    fix: LABEL_FIX,
    reason: "FieldValueInvalid",
    consequence: "neverStarts",
    judge: "vm",
    find: ({ vmi: { spec } }) => labelProblems(spec.volumes ?? [], VOLUMES, "volume"),
  },
  {
    id: "VOL-2",
    means: "A volume names a ConfigMap or a Secret by a valid object name.",
    why: "Kubernetes has no object with another name.",
    fix: SUBDOMAIN_FIX,
    reason: "FieldValueInvalid",
    consequence: "neverStarts",
    judge: "vm",
    find: ({ vmi: { spec } }) =>
      (spec.volumes ?? []).flatMap((volume, at) =>
        references(volume).flatMap(([field, name]) =>
          isSubdomain(name)
            ? []
            : [
                violation(
                  `${VOLUMES}[${at}].${field}`,
                  `${quote(name)} is not a valid name of a ConfigMap or Secret`,
                  SUBDOMAIN_FIX,
                ),
              ],
        ),
      ),
  },
];
