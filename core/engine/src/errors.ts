/** The errors of this package: one function for each cause, in the order of the alphabet. */
import { BINDING_FAULT, BindingError } from "@netbind/contract";

const REGISTRY = "spec.configuration.network.binding";

/** A link of the pod's that has the name of a planned one and is of another kind. */
export const linkTaken = (name: string, observedKind: string, plannedKind: string): BindingError =>
  new BindingError(
    "PLAN_IMPOSSIBLE",
    `the pod has a link "${name}" already, and it is a ${observedKind}, not a ${plannedKind}`,
    "remove that link, or start the VM in a pod of its own",
  );

/** A plan whose guest's network overlaps one of the pod's; `problems` names each. */
export const networkOverlaps = (nic: string, problems: string): BindingError =>
  new BindingError(
    "PLAN_IMPOSSIBLE",
    `NIC "${nic}" cannot be wired in this pod: ${problems}`,
    "set vmNetworkCIDR or vmIPv6NetworkCIDR under the VM's spec.networks[].pod to a network that nothing in the pod uses",
  );

/** A binding registered as data alone on a tap, of which the pod has none. */
export const noTap = (podLink: string, tap: string): BindingError =>
  new BindingError(
    "PLAN_IMPOSSIBLE",
    `pod link "${podLink}" is neither a tap nor a macvtap, and the pod has no tap "${tap}"`,
    "let the network's CNI plugin make one, or register the binding with domainAttachmentType: managedTap",
  );

/** A plan that reaches beyond its NIC or its grants; `problems` names each way. */
export const planRefused = (nic: string, problems: string): BindingError =>
  new BindingError(
    "PLAN_OUT_OF_BOUNDS",
    `the plan for NIC "${nic}" is refused: ${problems}`,
    `nothing was applied; ${BINDING_FAULT}`,
  );

/** A plan without a tap, of a binding whose registration makes KubeVirt write a NIC on one: both would write it. */
export const registeredOnTap = (binding: string, domainKind: string): BindingError =>
  new BindingError(
    "PLAN_IMPOSSIBLE",
    `binding "${binding}" plans a domain part of kind ${domainKind}, but its registration makes KubeVirt write a NIC on a tap`,
    `remove domainAttachmentType from ${REGISTRY}.${binding} in the KubeVirt CR`,
  );

/** A plan of a tap, of a binding whose registration does not make KubeVirt write the NIC: neither would write it. */
export const registeredWithoutTap = (binding: string): BindingError =>
  new BindingError(
    "PLAN_IMPOSSIBLE",
    `binding "${binding}" plans a tap, but its registration does not make KubeVirt write the NIC: the guest would have none`,
    `set ${REGISTRY}.${binding}.domainAttachmentType to "tap" in the KubeVirt CR`,
  );

/** Values of a plan that no DHCP option holds; `problems` names each. */
export const unencodableOptions = (problems: string): BindingError =>
  new BindingError("PLAN_OUT_OF_BOUNDS", problems, "plan values that fit their options");
