/** Every error of this package: one function for each cause, in the order of the alphabet. */
import { BindingError } from "@netbind/contract";

/** A pod whose network-status names a primary link that the kernel cannot have. */
export const invalidPrimaryLink = (link: string): BindingError =>
  new BindingError(
    "POD_LINK_MISSING",
    `${JSON.stringify(link)}, the pod's primary link by its network-status, is not a valid name of a link`,
    "check what the pod network's CNI plugin returned; on a cluster, the pod's annotation k8s.v1.cni.cncf.io/network-status",
  );

/** A pod with SR-IOV networks whose report names no PCI device at all. */
export const noPciDevice = (): BindingError =>
  new BindingError(
    "PLAN_IMPOSSIBLE",
    "the pod reports no PCI device",
    "check that the NetworkAttachmentDefinition names a device plugin's resource, and that the pod requests it",
  );

/** A pod whose report names PCI devices, but none of this SR-IOV network. */
export const noPciDeviceOfNetwork = (network: string): BindingError =>
  new BindingError(
    "PLAN_IMPOSSIBLE",
    `the pod reports no PCI device for network "${network}"`,
    "check that each SR-IOV network has a device of its own",
  );
