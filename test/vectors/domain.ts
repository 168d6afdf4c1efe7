import passt from "@netbind/plugin-passt";
import {
  domainAttachments,
  type DomainLink,
  nicBeforePod,
  nicOnTap,
  nicQueues,
  type Vmi,
  type VmiInterface,
} from "@netbind/kubevirt";
import { validateVmi } from "@netbind/kubevirt/admission";
import { type Machine, type NicDomain, plannedDevice, printElement, tapInterface } from "@netbind/domain";
import { attachmentFor } from "./attachment.ts";
import { compare, completeVmi, failed, type Outcome, type Vector, type VmiInput } from "./vector.ts";
import { canonicalXml } from "./xml.ts";

type Input = VmiInput & {
  readonly links?: readonly DomainLink[];
  readonly arch?: Machine["arch"];
  readonly sev?: boolean;
};
interface Result {
  readonly domainAttachment: Readonly<Record<string, string>>;
  readonly error: string | null;
  readonly interfaces: readonly string[] | null;
  readonly interfacesPhase2?: readonly string[] | null;
  readonly phase2Errors?: readonly string[] | null;
  readonly queues: number;
}

/** A NIC as the domain has it, and how it looks. */
interface Written {
  readonly nic: NicDomain;
  readonly onTap: boolean;
  readonly xml: string;
}

/** What no domain can be written of. */
class Refused extends Error {}

/** KubeVirt's own passt is our plugin: its device, with what the core fills in of one that libvirt cannot boot from. */
function passtInterface(vmi: Vmi, nic: VmiInterface, machine: Machine, deviations: Set<string>): Written {
  const network = vmi.spec.networks?.find(({ name }) => name === nic.name);
  const reported = vmi.status?.interfaces?.find(({ name }) => name === nic.name)?.podInterfaceName;
  if (network === undefined || !reported) throw new Refused("the pod's link is not known");
  const attachment = attachmentFor(vmi, nic.name, { link: reported });
  const planned = passt.plan(attachment).domain;
  if (planned.kind !== "passt") throw new Refused("passt plans another kind");
  const domain = nicBeforePod(vmi, nic, machine);
  const { bootOrder, ...unbooted } = domain;
  if (bootOrder !== undefined) deviations.add("PASST-BOOT");
  const meshed = attachment.mesh && attachment.ports.length === 0;
  if (meshed) deviations.add("MESH-UDP");
  const theirs = meshed
    ? { ...planned, forward: planned.forward.filter(({ protocol }) => protocol !== "udp") }
    : planned;
  return {
    nic: domain,
    onTap: false,
    xml: printElement(plannedDevice({ ...unbooted, podLink: reported }, theirs), "", ""),
  };
}

function write(vmi: Vmi, input: Input, deviations: Set<string>): readonly Written[] {
  const machine: Machine = { arch: input.arch ?? "amd64", launchSecurity: input.sev === true };
  const attachments = domainAttachments(vmi, input.kubevirtConfig ?? {});
  return (vmi.spec.domain.devices.interfaces ?? []).flatMap((nic): readonly Written[] => {
    if (nic.state === "absent") return [];
    if (!vmi.spec.networks?.some(({ name }) => name === nic.name)) throw new Refused(`no network ${nic.name}`);
    if (nic.passtBinding !== undefined) return [passtInterface(vmi, nic, machine, deviations)];
    if (attachments.get(nic.name) !== "tap") return [];
    const domain = nicBeforePod(vmi, nic, machine);
    if (domain.pciAddress !== undefined && !/^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/i.test(domain.pciAddress)) {
      throw new Refused("the PCI address is none");
    }
    return [{ nic: domain, onTap: true, xml: printElement(tapInterface(domain), "", "") }];
  });
}

/** What becomes of the NICs once the pod's links are known, and how many could not be attached. */
function attach(
  vmi: Vmi,
  written: readonly Written[],
  links: readonly DomainLink[],
): { readonly xml: readonly string[]; readonly bad: number } {
  let bad = 0;
  const xml = written.map(({ nic, onTap, xml: before }) => {
    const network = vmi.spec.networks?.find(({ name }) => name === nic.name);
    if (!onTap || network === undefined) return before;
    const attached = nicOnTap(nic, vmi, network, links);
    if (attached === undefined) bad += 1;
    return attached === undefined ? before : printElement(tapInterface(attached), "", "");
  });
  return { xml, bad };
}

/** Rules of admission about what stands in a domain: a VM that breaks one has none. */
const TELLING_RULES = /^(BIND-1|IF-[34]|PORT-[345]|RANGE-\d|PASST-2)$/;

/** The interfaces of a domain, before and after the pod's links are known. */
export function domain({ input, result }: Vector<Input, Result>): Outcome {
  const vmi = completeVmi(input.vmi);
  const outcome = compareInterfaces(vmi, input, result);
  const isRefused = validateVmi(vmi, { configuration: input.kubevirtConfig ?? {} }).some(({ rule }) =>
    TELLING_RULES.test(rule.id),
  );
  return outcome.verdict === "failed" && isRefused ? { verdict: "deviating", deviations: ["REFUSED-BEFORE"] } : outcome;
}

function compareInterfaces(vmi: Vmi, input: Input, result: Result): Outcome {
  const deviations = new Set<string>();
  const attachments = Object.fromEntries(domainAttachments(vmi, input.kubevirtConfig ?? {}));
  let written: readonly Written[];
  try {
    written = write(vmi, input, deviations);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return compare([true, attachments], [result.error !== null, result.domainAttachment]);
  }
  if (result.error !== null) return failed(`theirs is refused: ${result.error}`);
  const phase2 = "interfacesPhase2" in result ? attach(vmi, written, input.links ?? []) : undefined;
  const ours = [
    attachments,
    nicQueues(vmi.spec, "virtio"),
    written.map(({ xml }) => canonicalXml(xml)),
    phase2?.xml.map(canonicalXml) ?? [],
    phase2?.bad ?? 0,
  ];
  const theirs = [
    result.domainAttachment,
    result.queues,
    (result.interfaces ?? []).map(canonicalXml),
    (result.interfacesPhase2 ?? []).map(canonicalXml),
    result.phase2Errors?.length ?? 0,
  ];
  return compare(ours, theirs, [...deviations]);
}
