import { type Attachment, type DomainPlan, type Plan, parseCidr, type XmlElement } from "@netbind/contract";
import { tapOf } from "@netbind/domain";
import { isPciAddress } from "@netbind/kubevirt/pod";
import { type AddIssue, isIntegerIn } from "./authorize-checks.ts";
import type { Grants } from "./grants.ts";

/** The one file that passt may write: the launcher puts it into its own log. */
const PASST_LOG = "/var/run/kubevirt/passt.log";
const LAST_PORT = 65_535;

const isPort = (text: string | undefined): boolean => /^\d{1,5}$/.test(text ?? "") && isIntegerIn(Number(text), 1, LAST_PORT);

type UserNetwork = DomainPlan & { readonly kind: "userNetwork" };

function checkUserNetwork({ network, search, forward }: UserNetwork, addIssue: AddIssue): void {
  if (parseCidr(network)?.family !== 4) addIssue("domain.network", `${JSON.stringify(network)} is no IPv4 network`);
  for (const [at, name] of search.entries()) {
    if (!/^[A-Za-z0-9_.-]{1,253}$/.test(name)) addIssue(`domain.search[${at}]`, `${JSON.stringify(name)} is no domain name`);
  }
  for (const [at, { port, lastPort = port }] of forward.entries()) {
    if (!isIntegerIn(port, 1, LAST_PORT) || lastPort !== port) addIssue(`domain.forward[${at}].port`, `${port} is no single port`);
  }
}

/** True where an element has these attributes, and no others. */
function hasExactly({ attributes = {} }: XmlElement, desired: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(attributes);
  return names.length === Object.keys(desired).length && names.every((name) => attributes[name] === desired[name]);
}

function isRange({ name, attributes = {}, children = [] }: XmlElement): boolean {
  const { start, end, exclude, ...others } = attributes;
  const closed = children.length === 0 && Object.keys(others).length === 0;
  const ordered = isPort(start) && (end === undefined || (isPort(end) && Number(end) >= Number(start)));
  return name === "range" && closed && ordered && (exclude === undefined || exclude === "yes");
}

/** What an interface of passt's may say: the pod's link, passt's log, and ports. */
function isPasstChild(child: XmlElement, { pod }: Attachment): boolean {
  const empty = (child.children ?? []).length === 0;
  switch (child.name) {
    case "source":
      return empty && hasExactly(child, { dev: pod.name });
    case "backend":
      return empty && hasExactly(child, { type: "passt", logFile: PASST_LOG });
    case "portForward":
      return ["tcp", "udp"].some((proto) => hasExactly(child, { proto })) && (child.children ?? []).every(isRange);
    default:
      return false;
  }
}

/** A device of the node's is the guest's only where it was allocated to its pod. */
function checkHostDevice(address: string, { allocatedDevices }: Attachment, addIssue: AddIssue): void {
  if (isPciAddress(address) && allocatedDevices.includes(address)) return;
  const reported = allocatedDevices.join(", ") || "none";
  addIssue("domain.pciAddress", `${JSON.stringify(address)} is none of the devices that the pod was allocated for this NIC (${reported})`);
}

/** How passt and a guest are joined: by shared memory, or by a socket where libvirt knows no better. */
const PASST_TYPES = ["vhostuser", "user"] as const;

/** The one device that a binding may describe by itself is an interface of passt's. */
function checkDevice(element: XmlElement, attachment: Attachment, addIssue: AddIssue): void {
  if (element.name !== "interface" || !PASST_TYPES.some((type) => hasExactly(element, { type }))) {
    return addIssue(
      "domain.element",
      `<${element.name} type=${JSON.stringify(element.attributes?.["type"] ?? "")}> is no device that was allocated`,
    );
  }
  // Without it, an interface of type "user" is a network inside QEMU, which no plan says by an element.
  for (const [part, least] of [
    ["backend", 1],
    ["source", 0],
  ] as const) {
    const count = (element.children ?? []).filter(({ name }) => name === part).length;
    if (count < least || count > 1) addIssue("domain.element", `an interface of passt's has one <${part}>, and this has ${count}`);
  }
  for (const [at, child] of (element.children ?? []).entries()) {
    if (!isPasstChild(child, attachment))
      addIssue(`domain.element.children[${at}]`, `<${child.name}> says more than passt may for this NIC`);
  }
}

/** Finds what of a plan's domain part reaches beyond the NIC. */
export function checkDomain(plan: Plan, attachment: Attachment, grants: Grants, addIssue: AddIssue): void {
  const { domain } = plan;
  if (!grants.domainKinds.includes(domain.kind)) {
    return addIssue("domain.kind", `domain parts of kind ${JSON.stringify(domain.kind)} are not granted`);
  }
  switch (domain.kind) {
    case "tap":
      if (tapOf(attachment, plan) === undefined)
        addIssue("domain.kind", "the domain wants this NIC's tap, and neither the plan nor the network's CNI plugin makes one");
      return;
    case "device":
      return checkDevice(domain.element, attachment, addIssue);
    case "userNetwork":
      return checkUserNetwork(domain, addIssue);
    case "hostdev":
      return checkHostDevice(domain.pciAddress, attachment, addIssue);
    default:
      domain satisfies never;
  }
}
