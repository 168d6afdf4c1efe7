import { type Attachment, type Binding, BindingError, normalizeMac } from "@netbind/contract";
import { bindingName, type Vmi, type VmiInterface } from "@netbind/kubevirt";
import { validateVmi } from "@netbind/kubevirt/admission";
import { nicDomain, patchDomain } from "@netbind/domain";
import { SaxesParser } from "saxes";
import { attachmentFor, type PodFacts } from "./attachment.ts";
import { AGREED, completeVmi, failed, type Outcome, type Vector } from "./vector.ts";

/** What a hook is asked. */
export interface HookInput {
  readonly vmi: Vmi;
  readonly domainXML: string;
  readonly pluginName?: string;
  readonly searchDomains?: readonly string[];
}
/** What a hook answers. */
export interface HookResult {
  readonly domainXML?: string;
  readonly error: string | null;
}

/** A patched domain, and the NIC that it was about. */
export interface Patched {
  readonly xml: string;
  readonly nic: Attachment;
}

/** The NIC that KubeVirt's hooks look at: the pod network's. */
export function podNic(vmi: Vmi): VmiInterface | undefined {
  const network = vmi.spec.networks?.find(({ pod }) => pod !== undefined);
  return vmi.spec.domain.devices.interfaces?.find(({ name }) => name === network?.name);
}

/** What our sidecar makes of a domain; undefined where it refuses. */
export function onDefineDomain(
  vmi: Vmi,
  xml: string,
  name: string,
  binding: Binding,
  facts: PodFacts,
): Patched | undefined {
  const nic = podNic(vmi);
  if (nic === undefined || bindingName(nic) !== name) return undefined;
  try {
    const attachment = attachmentFor(vmi, nic.name, facts);
    if (binding.admit(attachment).length > 0) return undefined;
    if (
      attachment.pciAddress !== undefined &&
      !/^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/i.test(attachment.pciAddress)
    )
      return undefined;
    return { xml: patchDomain(xml, nicDomain(attachment), binding.plan(attachment).domain), nic: attachment };
  } catch (error) {
    if (error instanceof BindingError) return undefined;
    throw error;
  }
}

/** Rules of admission about what a hook writes into a domain. */
const TELLING_RULES = /^(IF-[345]|PORT-[345]|RANGE-\d)$/;

/** A VM that admission refuses has no domain: what a hook would make of it is not missed. */
export const unlessRefused = (vmi: Vmi, outcome: Outcome): Outcome =>
  outcome.verdict === "failed" &&
  validateVmi(vmi, { configuration: {} }).some(({ rule }) => TELLING_RULES.test(rule.id))
    ? { verdict: "deviating", deviations: ["REFUSED-BEFORE"] }
    : outcome;

/** True for a text that is not an XML document, by a parser that is not ours; or that has a document type. */
export function isNoDocument(xml: string): boolean {
  let bad = false;
  const parser = new SaxesParser();
  parser.on("error", () => {
    bad = true;
  });
  parser.on("doctype", () => {
    bad = true;
  });
  parser.write(xml).close();
  return bad;
}

/** Parts with MAC addresses in their one form. */
export const withOneMac = (parts: readonly string[]): readonly string[] =>
  parts.map((part) =>
    part.replace(/<mac address="([^"]*)"/g, (whole, mac: string) => whole.replace(mac, normalizeMac(mac) ?? mac)),
  );

/** An agreement in which a MAC address was left out, because its author named none and each side draws its own. */
export const agreed = (deviations: readonly string[], { macAddress }: Attachment): Outcome => {
  if (deviations.length > 0) return { verdict: "deviating", deviations };
  return macAddress === undefined
    ? { verdict: "agreed", normalized: "a MAC address that its author left to be drawn" }
    : AGREED;
};

/** A domain that a hook has nothing to do with: ours gives every byte back; what KubeVirt's printing drops is not missed. */
export function domainXml({ input, result }: Vector<{ readonly domainXML: string }, HookResult>): Outcome {
  const name = "a-nic-of-no-domain";
  const nic = attachmentFor(
    completeVmi({
      apiVersion: "",
      kind: "VirtualMachineInstance",
      metadata: { name: "a", namespace: "a" },
      spec: { domain: { devices: { interfaces: [{ name, masquerade: {} }] } } },
    }),
    name,
  );
  let ours: string;
  try {
    ours = patchDomain(input.domainXML, nicDomain(nic), { kind: "tap" });
  } catch (error) {
    if (!(error instanceof BindingError)) throw error;
    if (result.error) return AGREED;
    return isNoDocument(input.domainXML)
      ? { verdict: "deviating", deviations: ["XML-STRICT"] }
      : failed(`ours refuses: ${error.message}`);
  }
  if (ours !== input.domainXML) return failed("ours changes a domain that it has nothing to do with");
  if (result.error) return failed(`theirs refuses: ${result.error}`);
  return result.domainXML === input.domainXML ? AGREED : { verdict: "deviating", deviations: ["LOSSLESS"] };
}
