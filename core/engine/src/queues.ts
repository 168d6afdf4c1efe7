import type { VmiSpec } from "./api.ts";
import { parseQuantity } from "./quantity.ts";

/** More than this many queues a tap does not have. */
const MOST_QUEUES = 256;

function vcpus({ domain }: VmiSpec): number {
  const { cores, sockets, threads } = domain.cpu ?? {};
  if (cores !== undefined || sockets !== undefined || threads !== undefined) return (cores ?? 1) * (sockets ?? 1) * (threads ?? 1);
  const cpu = domain.resources?.limits?.["cpu"] ?? domain.resources?.requests?.["cpu"];
  return Number((cpu === undefined ? undefined : parseQuantity(String(cpu))) ?? 1n);
}

/** Queues of a NIC: as many as the VM has processors, where multiqueue is on and the model is virtio; else 0. */
export function nicQueues(spec: VmiSpec, model: string): number {
  if (spec.domain.devices.networkInterfaceMultiqueue !== true || model !== "virtio") return 0;
  return Math.min(vcpus(spec), MOST_QUEUES);
}
