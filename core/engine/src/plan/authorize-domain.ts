import { type Attachment, type DomainPlan, type PasstPorts, parseCidr } from "@netbind/contract";
import { isSocketName, isVdpaDevice, type PasstPlan, requirePasst, tapOf } from "@netbind/domain";
import { isPciAddress } from "@netbind/kubevirt/pod";
import { type AddIssue, isIntegerIn, type PlanContext } from "./authorize-checks.ts";

const LAST_PORT = 65_535;

type VhostUser = DomainPlan & { readonly kind: "vhostuser" };
type Vdpa = DomainPlan & { readonly kind: "vdpa" };
type UserNetwork = DomainPlan & { readonly kind: "userNetwork" };

function checkUserNetwork({ network, search, forward }: UserNetwork, addIssue: AddIssue): void {
  if (parseCidr(network)?.family !== 4)
    addIssue("domain.network", `${JSON.stringify(network)} is not a valid IPv4 network`);
  for (const [at, name] of search.entries()) {
    if (!/^[A-Za-z0-9_.-]{1,253}$/.test(name))
      addIssue(`domain.search[${at}]`, `${JSON.stringify(name)} is not a valid domain name`);
  }
  for (const [at, { port, lastPort = port }] of forward.entries()) {
    if (!isIntegerIn(port, 1, LAST_PORT) || lastPort !== port)
      addIssue(`domain.forward[${at}].port`, `${port} is not a valid single port`);
  }
}

function checkPasstPorts(path: string, ports: readonly PasstPorts[], addIssue: AddIssue): void {
  for (const [at, { from, to = from }] of ports.entries()) {
    if (!isIntegerIn(from, 1, LAST_PORT) || !isIntegerIn(to, from, LAST_PORT))
      addIssue(`${path}[${at}]`, `${from === to ? from : `${from}-${to}`} is not a valid port or range of ports`);
  }
}

function checkPasst({ forward }: PasstPlan, addIssue: AddIssue): void {
  for (const [at, { protocol, ports, except }] of forward.entries()) {
    const path = `domain.forward[${at}]`;
    if (forward.findIndex((other) => other.protocol === protocol) !== at)
      addIssue(`${path}.protocol`, `${JSON.stringify(protocol)} is listed twice`);
    checkPasstPorts(`${path}.ports`, ports, addIssue);
    checkPasstPorts(`${path}.except`, except, addIssue);
  }
}

/** What moves packets by virtio's rings knows no other device. */
function checkVirtio(kind: string, { model }: Attachment, addIssue: AddIssue): void {
  if (model !== "virtio")
    addIssue("domain.kind", `${kind} serves virtio only, and the NIC's model is ${JSON.stringify(model)}`);
}

function checkVhostUser({ kind, socket, queues }: VhostUser, attachment: Attachment, addIssue: AddIssue): void {
  checkVirtio(kind, attachment, addIssue);
  if (!isSocketName(socket)) addIssue("domain.socket", `${JSON.stringify(socket)} is not a valid name of a socket`);
  if (!isIntegerIn(queues, 0, Math.max(1, attachment.queues)))
    addIssue("domain.queues", `${queues} queues are not between 0 and the NIC's ${attachment.queues}`);
}

/** A device of the node's is the guest's only where it was allocated to its pod. */
function checkAllocated(path: string, device: string, allocated: readonly string[], addIssue: AddIssue): void {
  if (allocated.includes(device)) return;
  const reported = allocated.join(", ") || "none";
  addIssue(
    path,
    `${JSON.stringify(device)} is not one of the devices that the pod was allocated for this NIC (${reported})`,
  );
}

function checkVdpa({ kind, device }: Vdpa, attachment: Attachment, addIssue: AddIssue): void {
  checkVirtio(kind, attachment, addIssue);
  checkAllocated("domain.device", device, attachment.allocatedDevices.filter(isVdpaDevice), addIssue);
}

/** Finds what of a plan's domain part reaches beyond the NIC. */
export function checkDomain({ plan, attachment, grants, addIssue }: PlanContext): void {
  const { domain } = plan;
  if (!grants.domainKinds.includes(domain.kind)) {
    return addIssue("domain.kind", `domain parts of kind ${JSON.stringify(domain.kind)} are not granted`);
  }
  switch (domain.kind) {
    case "tap":
      if (tapOf(attachment, plan) === undefined)
        addIssue(
          "domain.kind",
          "the domain needs this NIC's tap, and neither the plan nor the network's CNI plugin makes one",
        );
      return;
    case "passt":
      return checkPasst(domain, addIssue);
    case "vhostuser":
      return checkVhostUser(domain, attachment, addIssue);
    case "vdpa":
      return checkVdpa(domain, attachment, addIssue);
    case "userNetwork":
      return checkUserNetwork(domain, addIssue);
    case "hostdev":
      return checkAllocated(
        "domain.pciAddress",
        domain.pciAddress,
        attachment.allocatedDevices.filter(isPciAddress),
        addIssue,
      );
    default:
      domain satisfies never;
  }
}

/** Sees before the guest starts that its libvirt has such a device. @throws BindingError PLAN_IMPOSSIBLE */
export function requireDevice({ kind }: DomainPlan, { libvirtVersion }: Attachment): void {
  if (kind === "passt") requirePasst(libvirtVersion);
}
