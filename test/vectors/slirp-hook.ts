import { normalizeMac, parseCidr } from "@netbind/contract";
import slirpBinding from "@netbind/plugin-slirp";
import type { Vmi } from "@netbind/kubevirt";
import {
  agreed,
  type HookInput,
  type HookResult,
  isNoDocument,
  onDefineDomain,
  podNic,
  unlessRefused,
} from "./hooks.ts";
import { AGREED, completeVmi, failed, type Outcome, type Vector } from "./vector.ts";
import { compareParts, domainParts, qemuArguments } from "./xml.ts";

/** The device of slirp in QEMU's words, without what only one side says, and with its MAC in one form. */
function comparableDevice(text: string, drop: readonly string[]): string {
  const device = Object.entries(JSON.parse(text) as Record<string, unknown>)
    .filter(([key]) => !drop.includes(key))
    .map(([key, value]) => [key, key === "mac" ? (normalizeMac(String(value)) ?? value) : value] as const);
  return JSON.stringify(device.sort());
}

/** Why ours refuses what KubeVirt's hook takes. */
function refusal(vmi: Vmi, xml: string): Outcome {
  const network = vmi.spec.networks?.find(({ name }) => name === podNic(vmi)?.name);
  const cidr = parseCidr(network?.pod?.vmNetworkCIDR ?? "");
  if (cidr?.family === 6) return { verdict: "deviating", deviations: ["CIDR-FAMILY"] };
  if (cidr !== undefined && cidr.prefix > 27) return { verdict: "deviating", deviations: ["SLIRP-SMALL"] };
  return isNoDocument(xml)
    ? { verdict: "deviating", deviations: ["XML-STRICT"] }
    : failed("ours refuses, theirs does not");
}

function compareSlirp(vmi: Vmi, { input, result }: Vector<HookInput, HookResult>): Outcome {
  const ours = onDefineDomain(vmi, input.domainXML, "slirp", slirpBinding, { search: input.searchDomains ?? [] });
  if (ours === undefined) return result.error === null ? refusal(vmi, input.domainXML) : AGREED;
  if (result.error !== null) return failed(`theirs refuses: ${result.error}`);
  const { macAddress, model, pciAddress, bootOrder, acpiIndex } = ours.nic;
  const placed = Object.entries({ bus: pciAddress, addr: pciAddress, bootindex: bootOrder, "acpi-index": acpiIndex })
    .filter(([, value]) => value !== undefined)
    .map(([key]) => key);
  const forced = model !== "e1000" && model !== "rtl8139";
  const drop = [...placed, ...(macAddress === undefined ? ["mac"] : []), ...(forced ? ["driver"] : [])];
  const comparable = (xml: string): readonly string[] =>
    qemuArguments(xml)
      .slice(-4)
      .map((value) => (value.startsWith("{") ? comparableDevice(value, drop) : value));
  return (
    compareParts("QEMU's arguments", comparable(ours.xml), comparable(result.domainXML ?? "")) ??
    compareParts(
      "the rest",
      domainParts(ours.xml, ours.nic.name).rest,
      domainParts(input.domainXML, ours.nic.name).rest,
    ) ??
    agreed([...(forced ? ["SLIRP-MODEL"] : []), ...(placed.length > 0 ? ["SLIRP-PLACE"] : [])], ours.nic)
  );
}

/** The domain that slirp's sidecar gives back: four arguments of QEMU. */
export function slirp(vector: Vector<HookInput, HookResult>): Outcome {
  const vmi = completeVmi(vector.input.vmi);
  return unlessRefused(vmi, compareSlirp(vmi, vector));
}
