import { defined, type DomainPlan, type PasstForward, type PasstPorts } from "@netbind/contract";
import { element, type NicDomain, ownInterface } from "./device.ts";
import type { XmlElement } from "./print.ts";
import { passtUnsupported } from "./errors.ts";

/** A NIC that passt serves: a process beside the hypervisor, which libvirt starts and which may die alone. */
export type PasstPlan = DomainPlan & { readonly kind: "passt" };

/** Where passt writes what it does: the launcher puts it into its own log at the end. */
const LOG_FILE = "/var/run/kubevirt/passt.log";

/**
 * The first libvirt that starts passt for an interface, and the first that joins the two by shared memory. KubeVirt takes binding
 * plugins since 1.1, whose launcher has libvirt 9.5.
 */
const WITH_PASST = [9, 0] as const;
const WITH_SHARED_MEMORY = [11, 1] as const;

/** True for a libvirt of a release or a later one; and for one whose version is unknown. */
function isSince(version: string | undefined, [major, minor]: readonly [number, number]): boolean {
  if (version === undefined) return true;
  const [ownMajor = 0, ownMinor = 0] = version.split(".").map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}

/** Sees that a libvirt starts passt for an interface. @throws BindingError PLAN_IMPOSSIBLE where it is too old */
export function requirePasst(libvirtVersion: string | undefined): void {
  if (isSince(libvirtVersion, WITH_PASST)) return;
  throw passtUnsupported(libvirtVersion, WITH_PASST.join("."));
}

/** True where passt and the guest are joined by shared memory; else they are by a socket. */
export const sharesMemoryWithPasst = ({ libvirtVersion }: NicDomain): boolean =>
  isSince(libvirtVersion, WITH_SHARED_MEMORY);

const range = ({ from, to }: PasstPorts, exclude: boolean): XmlElement =>
  element("range", {
    start: String(from),
    ...defined({ end: to?.toString(), exclude: exclude ? "yes" : undefined }),
  });

const portForward = ({ protocol, ports, except }: PasstForward): XmlElement =>
  element(
    "portForward",
    { proto: protocol },
    ...except.map((one) => range(one, true)),
    ...ports.map((one) => range(one, false)),
  );

/** The interface of a NIC that passt serves, for the libvirt that reads it. @throws BindingError PLAN_IMPOSSIBLE */
export function passtInterface(nic: NicDomain, { forward }: PasstPlan): XmlElement {
  requirePasst(nic.libvirtVersion);
  const shared = sharesMemoryWithPasst(nic);
  const own = [
    ...(nic.podLink === undefined ? [] : [element("source", { dev: nic.podLink })]),
    element("backend", { type: "passt", logFile: LOG_FILE }),
    ...forward.map(portForward),
  ];
  // A socket between the hypervisor and a process beside it has one queue.
  return shared ? ownInterface(nic, "vhostuser", own) : ownInterface({ ...nic, queues: 0 }, "user", own);
}
