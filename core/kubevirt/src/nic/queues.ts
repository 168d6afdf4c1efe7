import type { Vmi, VmiSpec } from "../api.ts";
import { hasInfoSource } from "../status/info-source.ts";
import { parseQuantity } from "../values/quantity.ts";
import { interfaceStatusOf } from "../vmi.ts";

/** More than this many queues a tap does not have. */
const MOST_QUEUES = 256;

function vcpus({ domain }: VmiSpec): number {
  const { cores, sockets, threads } = domain.cpu ?? {};
  if (cores !== undefined || sockets !== undefined || threads !== undefined)
    return (cores ?? 1) * (sockets ?? 1) * (threads ?? 1);
  const cpu = domain.resources?.limits?.["cpu"] ?? domain.resources?.requests?.["cpu"];
  return Number((cpu === undefined ? undefined : parseQuantity(String(cpu))) ?? 1n);
}

/** Queues of a NIC: as many as the VM has processors, where multiqueue is on and the model is virtio; else 0. */
export function nicQueues(spec: VmiSpec, model: string): number {
  if (spec.domain.devices.networkInterfaceMultiqueue !== true || model !== "virtio") return 0;
  return Math.min(vcpus(spec), MOST_QUEUES);
}

/**
 * Queues of a NIC's tap: those that the domain has, where the NIC is in it already (the target of a migration must have
 * as many as its source), else as many as a new one gets.
 */
export function tapQueues(vmi: Vmi, name: string, model: string): number {
  if (model !== "virtio") return 0;
  const current = interfaceStatusOf(vmi, name);
  const inDomain = hasInfoSource(current?.infoSource, "domain") ? current?.queueCount : undefined;
  return inDomain ?? nicQueues(vmi.spec, model);
}
