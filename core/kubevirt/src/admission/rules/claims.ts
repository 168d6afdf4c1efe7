import { type Violation, violation } from "@netbind/contract";
import type { ResourceClaim, VmiNetwork } from "../../api.ts";
import { isLabel, isSubdomain } from "../../values/object-name.ts";
import { findRepeated, quote, type Rule, type RuleContext, type RuleFinding } from "./rule.ts";
import { INTERFACES_PATH, NETWORKS_PATH } from "../../vmi.ts";

const byClaim = ({ networks }: RuleContext): boolean =>
  networks.some(({ resourceClaim }) => resourceClaim !== undefined);
const mixed = ({ networks }: RuleContext): boolean => networks.some(({ multus }) => multus !== undefined);
const key = ({ resourceClaim }: VmiNetwork): string =>
  `${resourceClaim?.claimName ?? ""}/${resourceClaim?.requestName ?? ""}`;
const isComplete = ({ resourceClaim }: VmiNetwork): boolean =>
  !!resourceClaim?.claimName && !!resourceClaim.requestName;

type Asked = Pick<Rule, "id" | "means" | "why" | "fix" | "reason"> & Partial<Pick<Rule, "kubevirt">>;

/** A rule of one network by claim. None is asked while the gate is off, or where multus networks stand beside it. */
const claimRule = (
  rule: Asked,
  find: (network: VmiNetwork, path: string, at: number, subject: RuleContext) => readonly Violation[],
): Rule => ({
  ...rule,
  since: 9,
  consequence: "rejected",
  judge: "network",
  find: (subject) => {
    if (!byClaim(subject) || !subject.gate("NetworkDevicesWithDRA") || mixed(subject)) return [];
    return subject.networks.flatMap((network, at) =>
      network.resourceClaim === undefined ? [] : find(network, `${NETWORKS_PATH}[${at}]`, at, subject),
    );
  },
});

const DEVICES = ["gpus", "hostDevices"] as const;
const CLAIMS = "spec.resourceClaims";

/** The devices of other kinds that are claimed, by claim and request, with their places. */
const otherClaimed = ({ vmi: { spec } }: RuleContext): ReadonlyMap<string, string> =>
  new Map(
    DEVICES.flatMap((kind) =>
      (spec.domain.devices[kind] ?? []).flatMap(({ claimName, requestName }, at) =>
        claimName && requestName
          ? [[`${claimName}/${requestName}`, `spec.domain.devices.${kind}[${at}]`] as const]
          : [],
      ),
    ),
  );

/** What is wrong with one claim of a VM, but for a name that another one has. */
function claimProblems(
  { name, resourceClaimName, resourceClaimTemplateName }: ResourceClaim,
  path: string,
): readonly RuleFinding[] {
  // A null counts as absent, as for the API server.
  const given = Object.entries({ resourceClaimName, resourceClaimTemplateName }).flatMap(([key, value]) =>
    typeof value === "string" ? [{ key, value }] : [],
  );
  const fix = "name a ResourceClaim or a ResourceClaimTemplate";
  return [
    ...(name
      ? isLabel(name)
        ? []
        : [violation(`${path}.name`, `${quote(name)} is not a valid DNS label`, "use lower-case letters, digits and -")]
      : [
          {
            ...violation(`${path}.name`, "the claim has no name", "give it one"),
            reason: "FieldValueRequired" as const,
          },
        ]),
    ...(given.length === 1
      ? []
      : [violation(path, given.length === 0 ? "nothing is claimed" : "two things are claimed by one name", fix)]),
    ...given.flatMap(({ key, value }) =>
      isSubdomain(value) ? [] : [violation(`${path}.${key}`, `${quote(value)} is not a valid name of an object`, fix)],
    ),
  ];
}

/** What is asked of networks by resource claim. Source: reference, section 3.8. */
export const CLAIM_RULES: readonly Rule[] = [
  {
    id: "DRA-1",
    means: "A network by resource claim takes the feature gate NetworkDevicesWithDRA.",
    why: "It is an alpha feature of 1.9.",
    fix: "list the gate in the KubeVirt CR, or use a multus network",
    since: 9,
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    find: (subject) =>
      byClaim(subject) && !subject.gate("NetworkDevicesWithDRA")
        ? [
            violation(
              NETWORKS_PATH,
              "a network by resource claim takes the feature gate NetworkDevicesWithDRA",
              "switch it on, or use a multus network",
            ),
          ]
        : [],
  },
  {
    id: "DRA-2",
    means: "Multus networks and networks by resource claim exclude each other.",
    why: "KubeVirt finds the devices of a VM in one way only.",
    fix: "use one way for all networks",
    since: 9,
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    find: (subject) =>
      byClaim(subject) && subject.gate("NetworkDevicesWithDRA") && mixed(subject)
        ? [
            violation(
              NETWORKS_PATH,
              "networks by multus and by resource claim do not go together",
              "use one way for all",
            ),
          ]
        : [],
  },
  claimRule(
    {
      id: "DRA-3",
      means: "A claimed device is attached by SR-IOV or a plugin.",
      why: "No other binding hands a device to the guest.",
      fix: "use sriov: {} or binding: {name: ...}",
      reason: "FieldValueInvalid",
      kubevirt: {
        field: () => INTERFACES_PATH,
        difference: "KubeVirt names the list of interfaces; Netbind names the interface.",
      },
    },
    (network, _, __, subject) => {
      const at = subject.interfaces.findIndex(({ name }) => name === network.name);
      const nic = subject.interfaces[at];
      if (nic === undefined || nic.sriov !== undefined || nic.binding !== undefined) return [];
      return [
        violation(
          `${INTERFACES_PATH}[${at}]`,
          `network ${quote(network.name)} is a claimed device, which takes SR-IOV or a binding plugin`,
          "use sriov: {} or binding: {name: ...}",
        ),
      ];
    },
  ),
  claimRule(
    {
      id: "DRA-4",
      means: "A network by claim names the claim.",
      why: "A VM may have several.",
      fix: "name one of spec.resourceClaims",
      reason: "FieldValueRequired",
    },
    ({ resourceClaim }, path) =>
      resourceClaim?.claimName
        ? []
        : [violation(`${path}.resourceClaim.claimName`, "no claim is named", "name one of spec.resourceClaims")],
  ),
  claimRule(
    {
      id: "DRA-5",
      means: "A network by claim names the request.",
      why: "A claim may have several.",
      fix: "name a request of the claim",
      reason: "FieldValueRequired",
    },
    ({ resourceClaim }, path) =>
      resourceClaim?.requestName
        ? []
        : [
            violation(
              `${path}.resourceClaim.requestName`,
              "no request of the claim is named",
              "name a request of the claim",
            ),
          ],
  ),
  claimRule(
    {
      id: "DRA-6",
      means: "The claim that a network names is the VM's.",
      why: "No other claim's devices are in the pod.",
      fix: "add the claim to spec.resourceClaims",
      reason: "FieldValueNotFound",
    },
    (network, path, _, { vmi }) => {
      const claims = (vmi.spec.resourceClaims ?? []).map(({ name }) => name);
      const claim = network.resourceClaim?.claimName ?? "";
      if (!isComplete(network) || claims.includes(claim)) return [];
      return [
        violation(
          `${path}.resourceClaim.claimName`,
          `${quote(claim)} is not a claim of the VM`,
          `add it to spec.resourceClaims (there are: ${claims.join(", ") || "none"})`,
        ),
      ];
    },
  ),
  claimRule(
    {
      id: "DRA-7",
      means: "Every claimed device serves one network.",
      why: "A device is handed to the guest once.",
      fix: "request another device",
      reason: "FieldValueDuplicate",
    },
    (network, path, at, { networks }) => {
      const first = networks.findIndex((other) => other.resourceClaim !== undefined && key(other) === key(network));
      if (!isComplete(network) || first === at) return [];
      return [
        violation(
          path,
          `${quote(key(network))} is the device of ${NETWORKS_PATH}[${first}] already`,
          "request another device",
        ),
      ];
    },
  ),
  claimRule(
    {
      id: "DRA-8",
      means: "A device that a network claims is not another device of the VM.",
      why: "A device is handed to the guest once.",
      fix: "request another device",
      reason: "FieldValueDuplicate",
    },
    (network, path, _, subject) => {
      const other = otherClaimed(subject).get(key(network));
      return other === undefined || !isComplete(network)
        ? []
        : [violation(path, `${quote(key(network))} is the device of ${other} already`, "request another device")];
    },
  ),
  {
    id: "DRA-9",
    means: "A resource claim of the VM has a name of its own, and names one ResourceClaim or one template.",
    why: "The pod gets them as they stand, and networks name them.",
    fix: "write name and one of resourceClaimName and resourceClaimTemplateName",
    since: 9,
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "vm",
    find: ({ vmi: { spec } }) => {
      const claims = spec.resourceClaims ?? [];
      return [
        ...claims.flatMap((claim, at) => claimProblems(claim, `${CLAIMS}[${at}]`)),
        ...findRepeated(claims.map(({ name }) => name))
          .filter(({ value }) => value)
          .map(({ at, first, value }) => ({
            ...violation(
              `${CLAIMS}[${at}].name`,
              `${quote(value)} is the name of ${CLAIMS}[${first}] already`,
              "give it a name of its own",
            ),
            reason: "FieldValueDuplicate" as const,
          })),
      ];
    },
  },
];
