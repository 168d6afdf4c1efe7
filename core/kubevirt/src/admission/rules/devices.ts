import { violation } from "@netbind/contract";
import type { VmiInterface, VmiNetwork } from "../../api.ts";
import { deviceProblem } from "../../devices/device-problem.ts";
import { KEEPS_ITS_MAC, type KnownLink, knownLinkOf } from "../../pod/cni-plugins.ts";
import { nadOf, parseNadReference, resourceNameOf } from "../../pod/nads.ts";
import { registrationOf } from "../../vmi.ts";
import { neverStarts, ignored, pending } from "./netbind-rules.ts";
import { perInterface, perNetwork, quote, type Rule, type RuleContext } from "./rule.ts";

/** A multus network whose CNI plugin is known. */
interface KnownNetwork {
  readonly link: KnownLink;
  /** The device plugin's resource that its definition names; empty where it names none. */
  readonly resource: string;
  /** The definition, as it is named in messages. */
  readonly definition: string;
}

function knownNetwork(network: VmiNetwork | undefined, { vmi, nads }: RuleContext): KnownNetwork | undefined {
  const nad = nadOf(network, vmi.metadata.namespace, nads);
  const link = knownLinkOf(nad);
  if (nad === undefined || link === undefined) return undefined;
  const { namespace, name } = parseNadReference(network?.multus?.networkName ?? "", vmi.metadata.namespace);
  return { link, resource: resourceNameOf(nad), definition: `NetworkAttachmentDefinition ${namespace}/${name}` };
}

const isSriov = ({ sriov, state }: VmiInterface): boolean => sriov !== undefined && state !== "absent";

/** The binding whose NICs a hypervisor opens on a tap that the network's CNI plugin made; undefined for every other. */
function tapBinding({ binding }: VmiInterface, { configuration }: RuleContext): string | undefined {
  const registered = registrationOf(configuration, binding?.name);
  // Netbind's own registration of macvtap says the same. A binding with a sidecar has its tap made by its own plan.
  const isOnTap =
    registered === undefined
      ? binding?.name === "macvtap"
      : registered.domainAttachmentType === "tap" && !registered.sidecarImage;
  return isOnTap ? binding?.name : undefined;
}

const nicOf = ({ name }: VmiNetwork, { interfaces }: RuleContext): VmiInterface | undefined =>
  interfaces.find((nic) => nic.name === name && nic.state !== "absent");

/** True where a network's link cannot be made without a device of a device plugin. */
const needsDevice = (network: VmiNetwork, { link }: KnownNetwork, subject: RuleContext): boolean => {
  const nic = nicOf(network, subject);
  if (nic === undefined || (isSriov(nic) && !link.givesPci)) return false;
  return (
    deviceProblem({ config: link.config }, {})?.kind === "unnamed" || (isSriov(nic) && link.type !== "host-device")
  );
};

/** What is asked of the devices that a NIC is made of. Source: reference, sections 1.6 (pod), 7.9 and 7.10. */
export const DEVICE_RULES: readonly Rule[] = [
  neverStarts({
    id: "CNI-2",
    means: "An SR-IOV NIC's network is one whose CNI plugin gives a PCI device.",
    why: "KubeVirt waits for the address of the network's PCI device, and starts no VM without one.",
    fix: "name a definition of the CNI plugin sriov, or use bridge: {}",
    find: perInterface((nic, path, subject) => {
      const known = isSriov(nic) ? knownNetwork(subject.networkOf(nic), subject) : undefined;
      if (known === undefined || known.link.givesPci) return [];
      return [
        violation(
          `${path}.sriov`,
          `sriov takes a PCI device, and the CNI plugin ${known.link.type} of ${known.definition} gives none`,
          `name a definition of the CNI plugin sriov${KEEPS_ITS_MAC.includes(known.link.type) ? "" : ", or use bridge: {}"}`,
        ),
      ];
    }),
  }),
  neverStarts({
    id: "SRIOV-1",
    means: "An SR-IOV NIC is not on the pod network.",
    why: "KubeVirt attaches the device of a network that multus attached. For the pod network it attaches none, and starts the VM without the NIC.",
    fix: "name a multus network whose definition takes a device plugin's resource, or use masquerade: {}",
    outcome: "the guest does not get the NIC",
    find: perInterface((nic, path, { networkOf }) =>
      isSriov(nic) && networkOf(nic)?.pod !== undefined
        ? [
            violation(
              `${path}.name`,
              `sriov gives the guest a device of its network, and ${quote(nic.name)} is the pod network`,
              "name a multus network whose definition takes a device plugin's resource, or use masquerade: {}",
            ),
          ]
        : [],
    ),
  }),
  ignored({
    id: "CNI-3",
    means: "A bridge NIC's network is one whose CNI plugin makes a link in the pod.",
    why: "Virtual functions for VMs have the driver vfio-pci, with which they are devices of the guest's and no links.",
    fix: "use sriov: {}, or name a definition of another CNI plugin",
    find: perInterface((nic, path, subject) => {
      const known =
        nic.bridge === undefined || nic.state === "absent" ? undefined : knownNetwork(subject.networkOf(nic), subject);
      if (known?.link.type !== "sriov") return [];
      return [
        violation(
          `${path}.bridge`,
          `bridge takes a link in the pod, and the CNI plugin sriov of ${known.definition} makes none of a device with the driver vfio-pci`,
          "use sriov: {}, or name a definition of another CNI plugin",
        ),
      ];
    }),
  }),
  neverStarts({
    id: "CNI-4",
    means:
      "The network of a binding that is registered with domainAttachmentType: tap and no image has a CNI plugin that makes a tap.",
    why: "KubeVirt makes none for it: the hypervisor opens the CNI plugin's tap or macvtap.",
    fix: "name a definition of a CNI plugin that makes one, such as macvtap",
    find: perInterface((nic, path, subject) => {
      const binding = nic.state === "absent" ? undefined : tapBinding(nic, subject);
      const known = binding === undefined ? undefined : knownNetwork(subject.networkOf(nic), subject);
      if (known === undefined || known.link.makesTap) return [];
      return [
        violation(
          `${path}.binding.name`,
          `binding ${quote(binding)} takes a tap, and the CNI plugin ${known.link.type} of ${known.definition} makes none`,
          "name a definition of a CNI plugin that makes one, such as macvtap",
        ),
      ];
    }),
  }),
  neverStarts({
    id: "DEV-1",
    means: "A definition whose links are made of devices names the device plugin's resource.",
    why: "Without the annotation the pod is allocated no device, and the CNI plugin has nothing to make a link of.",
    fix: "annotate the definition with k8s.v1.cni.cncf.io/resourceName",
    find: perNetwork((network, path, subject) => {
      const known = knownNetwork(network, subject);
      if (known === undefined || known.resource !== "" || !needsDevice(network, known, subject)) return [];
      return [
        violation(
          `${path}.multus.networkName`,
          `${known.definition} of the CNI plugin ${known.link.type} names no resource of a device plugin`,
          "annotate the definition with k8s.v1.cni.cncf.io/resourceName: <prefix>/<name>",
        ),
      ];
    }),
  }),
  pending({
    id: "DEV-2",
    means: "A device plugin offers the resource that a definition names.",
    why: "The pod waits for a node that has it.",
    fix: "name a resource that the device plugin's ConfigMap lists, or add it there",
    find: perNetwork((network, path, subject) => {
      const { deviceSettings = {} } = subject.surroundings;
      const known = nicOf(network, subject) === undefined ? undefined : knownNetwork(network, subject);
      const found = known && deviceProblem({ config: known.link.config, resourceName: known.resource }, deviceSettings);
      // Settings that are not in the input are a cluster's: nothing is known of them.
      if (known === undefined || found?.kind !== "notOffered" || deviceSettings[found.setting] === undefined) return [];
      return [
        violation(
          `${path}.multus.networkName`,
          `the resource of ${known.definition} is not offered: ${found.problem}`,
          "name a resource that the device plugin's ConfigMap lists, or add it there",
        ),
      ];
    }),
  }),
];
