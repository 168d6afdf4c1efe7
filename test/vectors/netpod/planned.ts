/** What Netbind plans for the NICs of a VM in a pod that is observed. */
import { type Attachment, type Binding, BindingError, type NicNames, type Plan, type Route } from "@netbind/contract";
import { managedTapPlan } from "@netbind/engine";
import { derivedNames, isSecondary, linkNamesOfPod, podLinkName, type Vmi, type VmiInterface } from "@netbind/kubevirt";
import bridge from "@netbind/plugin-bridge";
import masquerade from "@netbind/plugin-masquerade";
import passt from "@netbind/plugin-passt";
import { attachmentFor } from "../attachment.ts";
import { addressesOf, type Input, isLinkLocal, type Link } from "./nmstate.ts";

/** How a NIC is wired in the pod before its sidecar has a say: by KubeVirt's own bindings, or for a registered tap. */
function plannerOf(nic: VmiInterface, input: Input): Binding["plan"] | undefined {
  if (nic.masquerade !== undefined) return masquerade.plan;
  if (nic.bridge !== undefined) return bridge.plan;
  if (nic.passtBinding !== undefined) return passt.plan;
  const registered = input.kubevirtConfig?.network?.binding ?? {};
  const type =
    nic.binding !== undefined && Object.hasOwn(registered, nic.binding.name)
      ? registered[nic.binding.name]?.domainAttachmentType
      : undefined;
  return type === "managedTap" ? managedTapPlan : undefined;
}

/** What of a VM's NICs is set up, and what is not any more. */
export interface Planned {
  readonly plans: readonly { readonly nic: VmiInterface; readonly attachment: Attachment; readonly plan: Plan }[];
  /** NICs that ours refuses, because their pod has no address for them. */
  readonly unaddressed: readonly Attachment[];
}

/** The names of a NIC's links; undefined where it has no network. */
export function namesOf(vmi: Vmi, nic: VmiInterface, { nmstate }: Input): NicNames | undefined {
  const networks = vmi.spec.networks ?? [];
  const network = networks.find(({ name }) => name === nic.name);
  if (network === undefined) return undefined;
  const scheme = linkNamesOfPod(
    networks,
    nmstate.interfaces.map(({ name }) => name),
  );
  return derivedNames(network, isSecondary(network) ? (scheme.get(network.name) ?? "") : podLinkName(vmi, network));
}

/** The pod's link of a NIC; the one that was taken over before, where it was. */
export function linkOf(vmi: Vmi, nic: VmiInterface, input: Input): Link | undefined {
  const names = namesOf(vmi, nic, input);
  if (names === undefined) return undefined;
  const { interfaces } = input.nmstate;
  const link =
    interfaces.find(({ name }) => name === names.adopted) ?? interfaces.find(({ name }) => name === names.pod);
  return link && { ...link, name: names.pod };
}

function attachmentOf(vmi: Vmi, nic: VmiInterface, link: Link, { nmstate }: Input): Attachment {
  const routes = nmstate.routes.running
    .filter((route) => route["next-hop-interface"] === link.name)
    .map(
      (route): Route => ({
        destination: route.destination,
        ...(route["next-hop-address"] ? { gateway: route["next-hop-address"] } : {}),
      }),
    );
  return attachmentFor(vmi, nic.name, {
    link: link.name,
    mac: link["mac-address"] ?? "",
    mtu: link.mtu ?? 0,
    addresses: addressesOf(link).filter((address) => !isLinkLocal(address)),
    routes,
    migrationTransport: vmi.status?.migrationTransport === "Unix" ? "unix" : "ports",
  });
}

function planAll(vmi: Vmi, input: Input): Planned {
  const unaddressed: Attachment[] = [];
  const plans = (vmi.spec.domain.devices.interfaces ?? []).flatMap((nic) => {
    if (nic.sriov !== undefined) return [];
    const planner = plannerOf(nic, input);
    if (planner === undefined) {
      if (nic.binding === undefined)
        throw new BindingError("ATTACHMENT_INVALID", `NIC "${nic.name}" has no binding`, "name one");
      return [];
    }
    if (nic.state === "absent") return [];
    const link = linkOf(vmi, nic, input);
    if (link === undefined)
      throw new BindingError("POD_LINK_MISSING", `the pod's link of "${nic.name}" is missing`, "correct the pod");
    const attachment = attachmentOf(vmi, nic, link, input);
    if ((nic.masquerade !== undefined || nic.passtBinding !== undefined) && attachment.pod.addresses.length === 0) {
      unaddressed.push(attachment);
      return [];
    }
    return [{ nic, attachment, plan: planner(attachment) }];
  });
  return { plans, unaddressed };
}

/** The networks of a VM that are not there, or have no NIC. */
export const unpaired = (vmi: Vmi): boolean =>
  (vmi.spec.networks ?? []).some(({ name }) => !vmi.spec.domain.devices.interfaces?.some((nic) => nic.name === name));

/** The plans of a VM's NICs, or why they cannot be planned. */
export function plan(vmi: Vmi, input: Input): Planned | BindingError {
  try {
    if (unpaired(vmi)) return new BindingError("ATTACHMENT_INVALID", "a network has no interface", "add one");
    return planAll(vmi, input);
  } catch (error) {
    if (error instanceof BindingError) return error;
    throw error;
  }
}
