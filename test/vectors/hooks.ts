import { type Attachment, type Binding, BindingError } from "@netbind/contract";
import passtBinding from "@netbind/plugin-passt";
import slirpBinding from "@netbind/plugin-slirp";
import { bindingName, nicDomain, patchDomain, type Vmi } from "@netbind/engine";
import { attachmentFor, type PodFacts } from "./attachment.ts";
import { AGREED, completeVmi, failed, type Outcome, type Vector } from "./vector.ts";
import { compareParts, domainParts, qemuArguments } from "./xml.ts";

interface Input {
  readonly vmi: Vmi;
  readonly domainXML: string;
  readonly pluginName?: string;
  readonly searchDomains?: readonly string[];
}
interface Result {
  readonly domainXML?: string;
  readonly error: string | null;
}

/** What our sidecar makes of a domain, and the NIC that it was about. @throws BindingError */
function onDefineDomain(
  vmi: Vmi,
  xml: string,
  name: string,
  binding: Binding,
  facts: PodFacts,
): { readonly xml: string; readonly nic: Attachment } {
  const nic = vmi.spec.domain.devices.interfaces?.find((candidate) => bindingName(candidate) === name);
  if (nic === undefined) throw new BindingError("ATTACHMENT_INVALID", `no NIC has the binding ${name}`, "attach one");
  const attachment = attachmentFor(vmi, nic.name, facts);
  if (!vmi.spec.networks?.some((network) => network.name === nic.name))
    throw new BindingError("ATTACHMENT_INVALID", "the NIC has no network", "add one");
  const problems = binding.admit(attachment);
  if (problems.length > 0) throw new BindingError("PLAN_IMPOSSIBLE", problems.map(({ problem }) => problem).join("; "), "mend them");
  if (attachment.pciAddress !== undefined && !/^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/i.test(attachment.pciAddress)) {
    throw new BindingError("PLAN_IMPOSSIBLE", "the PCI address is none", "mend it");
  }
  return { xml: patchDomain(xml, nicDomain(attachment), binding.plan(attachment).domain), nic: attachment };
}

/** Our answer, or that we refuse. */
function answer(
  ask: () => { readonly xml: string; readonly nic: Attachment },
): { readonly xml: string; readonly nic: Attachment } | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof BindingError) return undefined;
    throw error;
  }
}

/** Where a VM names no MAC, KubeVirt's hook writes none and libvirt draws one; ours writes the one that the NIC keeps. */
const withoutMac = (parts: readonly string[], { mac }: Attachment): readonly string[] =>
  parts.map((part) => part.replace(`<mac address="${mac}"></>`, ""));

const statusLink = (vmi: Vmi): string | undefined =>
  vmi.status?.interfaces?.find(({ podInterfaceName }) => podInterfaceName)?.podInterfaceName;

/** Ports that KubeVirt takes and its own admission refuses. */
const hasBadPorts = (vmi: Vmi): boolean =>
  (vmi.spec.domain.devices.interfaces ?? []).some(({ ports = [] }) => ports.some(({ port }) => port < 1 || port > 65_535));

/** The domain that passt's sidecar gives back. */
export function passt({ input, result, kind }: Vector<Input, Result>): Outcome {
  const vmi = completeVmi(input.vmi);
  const old = kind === "passt12";
  const link = statusLink(vmi);
  if (hasBadPorts(vmi)) return { verdict: "deviating", deviations: ["HOOK-PORTS"] };
  const ours = answer(() =>
    onDefineDomain(vmi, input.domainXML, input.pluginName ?? "passt", passtBinding, link === undefined ? {} : { link }),
  );
  if (ours === undefined) {
    if (result.error !== null) return AGREED;
    const { model } = vmi.spec.domain.devices.interfaces?.[0] ?? {};
    if (model && model !== "virtio") return { verdict: "deviating", deviations: ["PASST-MODEL"] };
    // Text behind the root element makes a document of two, which no parser of XML takes.
    if (!/>\s*$/.test(input.domainXML)) return { verdict: "deviating", deviations: ["XML-STRICT"] };
    return failed("ours refuses, theirs does not");
  }
  if (result.error !== null) {
    if (link === undefined) return { verdict: "deviating", deviations: ["PASST-STATUS"] };
    return failed(`theirs refuses: ${result.error}`);
  }
  const deviations: string[] = [];
  const drawn = ours.nic.macAddress === undefined;
  let mine = domainParts(ours.xml, ours.nic.name);
  const theirs = domainParts(result.domainXML ?? "", ours.nic.name);
  let other = theirs.nic;
  if (drawn) mine = { ...mine, nic: withoutMac(mine.nic, ours.nic) };
  if (ours.nic.mesh && ours.nic.ports.length === 0) {
    deviations.push("MESH-UDP");
    mine = { ...mine, nic: mine.nic.map((part) => part.replace('<portForward proto="udp"></>', "")) };
  }
  if (old) {
    // 1.2 knew type user only, and no shared memory.
    mine = {
      ...mine,
      nic: mine.nic.filter((part) => part.startsWith("<interface")).map((part) => part.replace('type="vhostuser"', 'type="user"')),
    };
    other = other.filter((part) => part.startsWith("<interface"));
  }
  if (input.domainXML.includes("<memoryBacking")) {
    const shared = (part: string): boolean => part.startsWith("<memoryBacking");
    if (mine.nic.filter(shared).join() !== other.filter(shared).join()) {
      deviations.push("MEMORY-ACCESS");
      mine = { ...mine, nic: mine.nic.filter((part) => !shared(part)) };
      other = other.filter((part) => !shared(part));
    }
  }
  return (
    compareParts("the NIC", mine.nic, other) ??
    compareParts("the rest", mine.rest, domainParts(input.domainXML, ours.nic.name).rest) ??
    (deviations.length > 0
      ? { verdict: "deviating", deviations }
      : drawn
        ? { verdict: "agreed", normalised: "a MAC address that its author left to be drawn" }
        : AGREED)
  );
}

/** The device of slirp in QEMU's words, without what only one side says. */
function comparableDevice(text: string, drop: readonly string[]): string {
  const device = JSON.parse(text) as Record<string, unknown>;
  return JSON.stringify(
    Object.entries(device)
      .filter(([key]) => !drop.includes(key))
      .sort(),
  );
}

/** The domain that slirp's sidecar gives back: four arguments of QEMU. */
export function slirp({ input, result }: Vector<Input, Result>): Outcome {
  const vmi = completeVmi(input.vmi);
  const search = input.searchDomains ?? [];
  const bad = hasBadPorts(vmi);
  const ours = bad ? undefined : answer(() => onDefineDomain(vmi, input.domainXML, "slirp", slirpBinding, { search }));
  if (ours === undefined || result.error !== null) {
    return (ours === undefined) === (result.error !== null)
      ? AGREED
      : failed(ours === undefined ? "ours refuses" : `theirs refuses: ${result.error}`);
  }
  const deviations: string[] = [];
  const mine = qemuArguments(ours.xml).slice(-4);
  const theirs = qemuArguments(result.domainXML ?? "").slice(-4);
  const drop: string[] = [];
  const drawn = ours.nic.macAddress === undefined;
  if (drawn) drop.push("mac");
  if (ours.nic.model !== "e1000" && ours.nic.model !== "rtl8139") {
    deviations.push("SLIRP-MODEL");
    drop.push("driver");
  }
  const unread = { bus: ours.nic.pciAddress, addr: ours.nic.pciAddress, bootindex: ours.nic.bootOrder, "acpi-index": ours.nic.acpiIndex };
  const placed = Object.entries(unread)
    .filter(([, value]) => value !== undefined)
    .map(([key]) => key);
  if (placed.length > 0) deviations.push("SLIRP-PLACE");
  const device = (list: readonly string[]): readonly string[] =>
    list.map((value) => (value.startsWith("{") ? comparableDevice(value, [...drop, ...placed]) : value));
  return (
    compareParts("QEMU's arguments", device(mine), device(theirs)) ??
    compareParts("the rest", domainParts(ours.xml, ours.nic.name).rest, domainParts(input.domainXML, ours.nic.name).rest) ??
    (deviations.length > 0
      ? { verdict: "deviating", deviations }
      : drawn
        ? { verdict: "agreed", normalised: "a MAC address that its author left to be drawn" }
        : AGREED)
  );
}

/** A domain that a hook has nothing to do with: ours gives every byte back; what KubeVirt's printing drops is not missed. */
export function domainXml({ input, result }: Vector<{ readonly domainXML: string }, { readonly domainXML: string }>): Outcome {
  const attachment = attachmentFor(
    completeVmi({
      apiVersion: "",
      kind: "VirtualMachineInstance",
      metadata: { name: "a", namespace: "a" },
      spec: { domain: { devices: { interfaces: [{ name: "a", masquerade: {} }] } } },
    }),
    "a",
  );
  const ours = patchDomain(input.domainXML, nicDomain(attachment), { kind: "tap" });
  if (ours !== input.domainXML) return failed("ours changes a domain that it has nothing to do with");
  return result.domainXML === input.domainXML ? AGREED : { verdict: "deviating", deviations: ["LOSSLESS"] };
}
