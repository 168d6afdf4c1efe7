import type { DomainPlan } from "@netbind/contract";
import { element, hostDevice, type NicDomain, ownInterface } from "./device.ts";
import { passtInterface, sharesMemoryWithPasst } from "./passt.ts";
import type { XmlElement } from "./print.ts";
import { invalidDeviceName } from "./errors.ts";

/** The domain parts that are one device, which a binding's sidecar writes. */
export type DevicePlan = Exclude<DomainPlan, { readonly kind: "tap" | "userNetwork" }>;

/** Where the pod's vhost-user sockets are. The longest name below it is still short enough for a socket's path. */
const VHOST_USER_DIRECTORY = "/var/run/kubevirt/vhostuser";
const SOCKET_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$/;
/** The kernel's names of the character devices that it makes for vDPA devices. */
const VDPA_DEVICE = /^vhost-vdpa-\d{1,9}$/;

/** True for a text that names a vhost-user socket, and leads nowhere else. */
export const isSocketName = (text: string): boolean => SOCKET_NAME.test(text);
/** True for the name of a vDPA device's character device: `vhost-vdpa-0`. */
export const isVdpaDevice = (text: string): boolean => VDPA_DEVICE.test(text);

function vhostUserInterface(
  nic: NicDomain,
  { socket, mode, queues }: DevicePlan & { readonly kind: "vhostuser" },
): XmlElement {
  if (!isSocketName(socket))
    throw invalidDeviceName(nic.name, `the socket ${JSON.stringify(socket)}, which is not a valid name`);
  const source = element("source", { type: "unix", path: `${VHOST_USER_DIRECTORY}/${socket}`, mode });
  return ownInterface({ ...nic, queues }, "vhostuser", [source]);
}

function vdpaInterface(nic: NicDomain, { device }: DevicePlan & { readonly kind: "vdpa" }): XmlElement {
  if (!isVdpaDevice(device))
    throw invalidDeviceName(nic.name, `the device ${JSON.stringify(device)}, which is not a valid vDPA device`);
  return ownInterface(nic, "vdpa", [element("source", { dev: `/dev/${device}` })]);
}

/**
 * The device of a NIC's domain part, with what the core fills in.
 *
 * @throws BindingError PLAN_OUT_OF_BOUNDS for a name that is none, PLAN_IMPOSSIBLE where the libvirt that reads it has no such device
 */
export function plannedDevice(nic: NicDomain, plan: DevicePlan): XmlElement {
  switch (plan.kind) {
    case "passt":
      return passtInterface(nic, plan);
    case "vhostuser":
      return vhostUserInterface(nic, plan);
    case "vdpa":
      return vdpaInterface(nic, plan);
    case "hostdev":
      return hostDevice(nic, plan.pciAddress);
    default:
      return plan satisfies never;
  }
}

/** True for a device whose packets another process moves, out of the guest's own memory. */
export const needsSharedMemory = (nic: NicDomain, { kind }: DevicePlan): boolean =>
  kind === "vhostuser" || (kind === "passt" && sharesMemoryWithPasst(nic));
