import passtBinding from "@netbind/plugin-passt";
import { scanXml } from "@netbind/domain";
import type { Vmi } from "@netbind/kubevirt";
import {
  agreed,
  type HookInput,
  type HookResult,
  isNoDocument,
  onDefineDomain,
  type Patched,
  podNic,
  unlessRefused,
  withOneMac,
} from "./hooks.ts";
import { AGREED, completeVmi, failed, type Outcome, type Vector } from "./vector.ts";
import { compareParts, domainParts } from "./xml.ts";

/** What passt's own hook never writes of a NIC, and ours does: the reason, and how it looks. */
const UNWRITTEN = [
  ["PASST-BOOT", /<boot [^>]*><\/>/],
  ["PASST-QUEUES", /<driver [^>]*><\/>/],
] as const;

const isBacking = (part: string): boolean => part.startsWith("<memoryBacking");

/** True for a domain whose memory is backed, and does not say by what, or who has access to it. */
function isHalfBacked(xml: string): boolean {
  const backing = scanXml(xml).children.find(({ name }) => name === "memoryBacking");
  return (
    backing !== undefined &&
    ["access", "source"].some((desired) => !backing.children.some(({ name }) => name === desired))
  );
}

/** Why ours refuses what KubeVirt's hook takes. */
function refusal(vmi: Vmi, xml: string): Outcome {
  const model = podNic(vmi)?.model;
  if (model && model !== "virtio") return { verdict: "deviating", deviations: ["PASST-MODEL"] };
  return isNoDocument(xml)
    ? { verdict: "deviating", deviations: ["XML-STRICT"] }
    : failed("ours refuses, theirs does not");
}

/** The NIC's part of both domains in one form, and why they differ. */
function nicParts({ xml, nic }: Patched, input: HookInput, theirXml: string, old: boolean) {
  const deviations: string[] = [];
  let mine = withOneMac(domainParts(xml, nic.name).nic);
  const theirs = withOneMac(domainParts(theirXml, nic.name).nic);
  if (nic.macAddress === undefined) mine = mine.map((part) => part.replace(`<mac address="${nic.mac}"></>`, ""));
  if (nic.mesh && nic.ports.length === 0) {
    deviations.push("MESH-UDP");
    mine = mine.map((part) => part.replace('<portForward proto="udp"></>', ""));
  }
  for (const [reason, pattern] of UNWRITTEN) {
    if (!mine.some((part) => pattern.test(part))) continue;
    deviations.push(reason);
    mine = mine.map((part) => part.replace(pattern, ""));
  }
  if (
    !old &&
    isHalfBacked(input.domainXML) &&
    mine.some((part) => isBacking(part) && part.includes('<access mode="shared"></>'))
  ) {
    deviations.push("MEMORY-ACCESS");
  }
  const compared = (parts: readonly string[]): readonly string[] =>
    deviations.includes("MEMORY-ACCESS") ? parts.filter((part) => !isBacking(part)) : parts;
  return { mine: compared(mine), theirs: compared(theirs), deviations };
}

function comparePasst(vmi: Vmi, { input, result, kind }: Vector<HookInput, HookResult>): Outcome {
  const old = kind === "passt12";
  const reported = vmi.status?.interfaces?.find(({ name }) => name === podNic(vmi)?.name)?.podInterfaceName;
  const link = old ? "eth0" : reported;
  const ours = onDefineDomain(vmi, input.domainXML, input.pluginName || "passt", passtBinding, {
    ...(link ? { link } : {}),
    // Of that time's launcher: no shared memory with passt yet.
    ...(old ? { libvirtVersion: "9.5.0" } : {}),
  });
  if (ours === undefined) return result.error === null ? refusal(vmi, input.domainXML) : AGREED;
  if (result.error !== null)
    return link ? failed(`theirs refuses: ${result.error}`) : { verdict: "deviating", deviations: ["PASST-STATUS"] };
  const { mine, theirs, deviations } = nicParts(ours, input, result.domainXML ?? "", old);
  return (
    compareParts("the NIC", mine, theirs) ??
    compareParts(
      "the rest",
      domainParts(ours.xml, ours.nic.name).rest,
      domainParts(input.domainXML, ours.nic.name).rest,
    ) ??
    agreed(deviations, ours.nic)
  );
}

/** The domain that passt's sidecar gives back. */
export function passt(vector: Vector<HookInput, HookResult>): Outcome {
  const vmi = completeVmi(vector.input.vmi);
  return unlessRefused(vmi, comparePasst(vmi, vector));
}
