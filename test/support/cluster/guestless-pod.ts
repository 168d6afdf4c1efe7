import type { LauncherContainer, LauncherPodObject } from "./launcher-pod.ts";

/** So many pods fit on a node that none would of those that a guest asks for. */
const FEW = { cpu: "1m", memory: "1Mi" };
const ASLEEP = { command: ["/usr/bin/sleep"], args: ["1000000"] };

/** A container that asks for next to nothing but its devices. */
const light = <T extends LauncherContainer>(container: T): T => ({
  ...container,
  resources: { requests: FEW, ...devicesOf(container) },
});

function devicesOf({ resources }: LauncherContainer): { readonly limits?: object } {
  const devices = Object.entries(resources?.limits ?? {}).filter(([name]) => name.includes("/"));
  return devices.length === 0 ? {} : { limits: Object.fromEntries(devices) };
}

/**
 * A launcher pod for a hundred on one node: its image, volumes and sidecars are as in every launcher pod, and its launcher
 * sleeps. libvirt, QEMU and a guest in each would take more memory and processors than this machine has, and the test's
 * launcher, while it waits for a guest, looks for its orders so often that a hundred would take a processor.
 */
export const withoutGuest = ({ spec, ...pod }: LauncherPodObject): LauncherPodObject => ({
  ...pod,
  spec: {
    ...spec,
    containers: spec.containers.map((one) => light(one.name === "compute" ? { ...one, ...ASLEEP } : one)),
    initContainers: spec.initContainers.map((one) => light({ ...one, ...ASLEEP })),
  },
});
