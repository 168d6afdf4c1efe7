import { violation } from "@netbind/contract";
import type { NetworkAttachmentDefinition, VmiInterface } from "../../api.ts";
import { nearestName, withMeant } from "../../values/nearest-name.ts";
import { isLinkPlugin } from "../../pod/cni-plugins.ts";
import { cniTypes, findNad, type NadReference, nadOf, parseNadReference } from "../../pod/nads.ts";
import { bindingName, hasMesh, hasMeshLabel } from "../../nic/nic-spec.ts";
import { formatVersion } from "../../versions.ts";
import { isWrittenOnTap } from "../../registration/resolve-binding.ts";
import { ignored, pending } from "./netbind-rules.ts";
import { perInterface, perNetwork, quote, type Rule, type RuleContext } from "./rule.ts";
import { INTERFACES_PATH, NETWORKS_PATH, registrationOf } from "../../vmi.ts";

/** Fields that came with a version: an older cluster drops them without a warning. */
const FIELDS_SINCE = [
  ["portRanges", 9],
  ["passtBinding", 8],
] as const;

/** This release's bindings that write their NIC into the domain themselves. */
const OWN_WRITERS: readonly string[] = ["passt", "slirp"];

/** True for a plugin's NIC that its sidecar writes into the domain: KubeVirt never updates the link of such a NIC. */
function isWrittenBySidecar({ binding }: VmiInterface, subject: RuleContext): boolean {
  if (binding === undefined) return false;
  const registered = registrationOf(subject.configuration, binding.name);
  return registered === undefined
    ? OWN_WRITERS.includes(binding.name)
    : Boolean(registered.sidecarImage) && !isWrittenOnTap(registered.domainAttachmentType);
}

/** What of an interface a binding does not read. */
function unread(
  nic: VmiInterface,
  subject: RuleContext,
): readonly { readonly field: keyof VmiInterface; readonly why: string }[] {
  const onPod = subject.networkOf(nic)?.pod !== undefined;
  const binding = bindingName(nic) ?? "";
  const servesDhcp = nic.bridge !== undefined || nic.masquerade !== undefined;
  return [
    ...(nic.ports?.length && (nic.bridge !== undefined || nic.sriov !== undefined)
      ? [{ field: "ports" as const, why: `${binding} lets every port through` }]
      : []),
    ...(nic.ports?.length && !onPod && nic.bridge === undefined && nic.sriov === undefined
      ? [{ field: "ports" as const, why: "KubeVirt reads ports on the pod network only" }]
      : []),
    ...(nic.dhcpOptions !== undefined && !servesDhcp
      ? [{ field: "dhcpOptions" as const, why: `KubeVirt runs no DHCP server for ${binding}` }]
      : []),
    ...(nic.sriov !== undefined && nic.model
      ? [{ field: "model" as const, why: "an SR-IOV device is the host's own" }]
      : []),
    ...(nic.sriov !== undefined && nic.acpiIndex
      ? [{ field: "acpiIndex" as const, why: "KubeVirt writes none for an SR-IOV device" }]
      : []),
    ...(nic.passtBinding !== undefined && nic.state
      ? [{ field: "state" as const, why: "passtBinding has no link state" }]
      : []),
    ...(nic.state === "down" && isWrittenBySidecar(nic, subject)
      ? [
          {
            field: "state" as const,
            why: `KubeVirt sets the link of NICs that it writes itself only, and ${binding} writes its own`,
          },
        ]
      : []),
    ...(nic.passtBinding !== undefined && nic.bootOrder !== undefined
      ? [{ field: "bootOrder" as const, why: "passtBinding is not booted from" }]
      : []),
    ...(nic.acpiIndex !== undefined && nic.acpiIndex <= 0
      ? [{ field: "acpiIndex" as const, why: "an index of 0 or less is none" }]
      : []),
  ];
}

/** As many definitions as a name is held against. */
const MOST_DEFINITIONS = 256;

/** The definition that a name is a slip of: that of another namespace, or one of a name that is near; undefined where none is. */
function meantDefinition(
  { namespace, name }: NadReference,
  nads: readonly NetworkAttachmentDefinition[],
): string | undefined {
  const elsewhere = nads.find(({ metadata }) => metadata.name === name)?.metadata.namespace;
  if (elsewhere !== undefined) return `${elsewhere}/${name}`;
  const beside = nads
    .slice(0, MOST_DEFINITIONS)
    .flatMap(({ metadata }) => (metadata.namespace === namespace ? [metadata.name] : []));
  const near = nearestName(name, beside);
  return near === undefined ? undefined : `${namespace}/${near}`;
}

/** What is accepted, and has no effect or another than the intended one. */
export const INEFFECTIVE_RULES: readonly Rule[] = [
  ignored({
    id: "GATE-1",
    means: "Removing a NIC from a running VM takes the feature gate HotplugNICs, until 1.4.",
    why: "With the gate off the NIC stays, and KubeVirt reports nothing.",
    fix: "list the gate in the KubeVirt CR, or upgrade KubeVirt",
    until: 3,
    find: perInterface(({ state }, path, { gate }) =>
      state === "absent" && !gate("HotplugNICs")
        ? [
            violation(
              `${path}.state`,
              "the feature gate HotplugNICs is off, so the NIC stays",
              "list the gate in the KubeVirt CR, or upgrade KubeVirt",
            ),
          ]
        : [],
    ),
  }),
  ignored({
    id: "FIELD-1",
    means: "A field is one that the cluster's version knows.",
    why: "An older cluster drops the field without a warning.",
    fix: "remove the field, or upgrade KubeVirt",
    until: 8,
    find: (subject) => [
      ...subject.interfaces.flatMap((nic, at) =>
        FIELDS_SINCE.filter(([field, since]) => nic[field] !== undefined && subject.version < since).map(
          ([field, since]) =>
            violation(
              `${INTERFACES_PATH}[${at}].${field}`,
              `${field} came with KubeVirt ${formatVersion(since)}`,
              "remove the field, or upgrade KubeVirt",
            ),
        ),
      ),
      ...subject.networks.flatMap(({ resourceClaim }, at) =>
        resourceClaim === undefined
          ? []
          : [
              violation(
                `${NETWORKS_PATH}[${at}].resourceClaim`,
                "resourceClaim came with KubeVirt 1.9",
                "use a multus network, or upgrade KubeVirt",
              ),
            ],
      ),
    ],
  }),
  ignored({
    id: "FIELD-2",
    means: "A field has an effect with the binding of the interface.",
    why: "KubeVirt accepts fields that a binding never reads.",
    fix: "remove the field, or use a binding that reads it",
    find: perInterface((nic, path, subject) =>
      unread(nic, subject).map(({ field, why }) =>
        violation(
          `${path}.${field}`,
          `${field} has no effect: ${why}`,
          "remove the field, or use a binding that reads it",
        ),
      ),
    ),
  }),
  ignored({
    id: "MACVTAP-1",
    outcome: "its MAC address changes on every restart",
    means: "A macvtap NIC has a MAC address of its own.",
    why: "Without one the guest's changes with every pod, so it loses its lease and cannot be migrated.",
    fix: "write macAddress",
    find: perInterface((nic, path) =>
      (nic.macvtap !== undefined || nic.binding?.name === "macvtap") && !nic.macAddress
        ? [
            violation(
              path,
              `interface ${quote(nic.name)} by macvtap names no MAC address, so it changes with every pod`,
              "write macAddress",
            ),
          ]
        : [],
    ),
  }),
  ignored({
    id: "MESH-1",
    outcome: "the mesh's proxy has no address",
    means: "A service mesh takes masquerade or passt on the pod network.",
    why: "The mesh's proxy needs the pod's own address, and bridge takes it away.",
    fix: "use masquerade: {}",
    find: perInterface((nic, path, { networkOf, vmi }) =>
      (hasMesh(vmi) || hasMeshLabel(vmi)) && nic.bridge !== undefined && networkOf(nic)?.pod !== undefined
        ? [
            violation(
              `${path}.bridge`,
              "a service mesh is injected, and bridge takes the pod's address from its proxy",
              "use masquerade: {}",
            ),
          ]
        : [],
    ),
  }),
  pending({
    id: "NAD-1",
    means: "The NetworkAttachmentDefinition that a network names exists.",
    why: "Without it KubeVirt does not render the pod, or multus refuses it.",
    fix: "add the definition, or name another",
    find: perNetwork((network, path, { vmi, nads, surroundings: { sources = "the input" } }) => {
      if (
        nads === undefined ||
        !network.multus?.networkName ||
        nadOf(network, vmi.metadata.namespace, nads) !== undefined
      )
        return [];
      const { namespace, name } = parseNadReference(network.multus.networkName, vmi.metadata.namespace);
      return [
        violation(
          `${path}.multus.networkName`,
          `no NetworkAttachmentDefinition ${namespace}/${name} is in ${sources}`,
          withMeant(meantDefinition({ namespace, name }, nads), "add the definition, or name another"),
        ),
      ];
    }),
  }),
  ignored({
    id: "NAD-2",
    means: "A plugin's own NetworkAttachmentDefinition makes no link.",
    why: "KubeVirt requests it without a name, multus names its link net1, and KubeVirt then takes the pod for one whose links have ordinal names.",
    fix: "register a definition whose CNI plugin names no interface in its result",
    find: perInterface(({ binding }, path, subject) => {
      const reference = registrationOf(subject.configuration, binding?.name)?.networkAttachmentDefinition;
      const nad = reference
        ? findNad(parseNadReference(reference, subject.vmi.metadata.namespace), subject.nads)
        : undefined;
      const type = nad === undefined ? undefined : cniTypes(nad).find(isLinkPlugin);
      if (type === undefined) return [];
      return [
        violation(
          `${path}.binding.name`,
          `the plugin's own NetworkAttachmentDefinition ${reference} makes a link (${type})`,
          "register one that makes none",
        ),
      ];
    }),
  }),
];
