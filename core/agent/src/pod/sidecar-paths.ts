import { realpathSync } from "node:fs";
import { join } from "node:path";
import type { SidecarLocation } from "@netbind/remote/sidecar";
import { missingSidecar } from "../errors.ts";
import { LAUNCHER_UID, type PodSidecar } from "../launcher-pods.ts";
import type { PodWork } from "./pod-work.ts";
import { type MountSource, mountSource } from "./pod-process.ts";

/** The way from the kubelet's directory to the volume of a launcher pod's hook sockets. */
const volumeOf = (uid: string): readonly string[] => [
  "pods",
  uid,
  "volumes",
  "kubernetes.io~empty-dir",
  "hook-sidecar-sockets",
];

/** Where a sidecar's directory is on the node. The kubelet's own directory may be a link that the administrator made. */
export const sidecarLocation = (kubelet: string, uid: string, { directory }: PodSidecar): SidecarLocation => ({
  base: realpathSync(kubelet),
  components: [...volumeOf(uid), directory],
  uid: LAUNCHER_UID,
});

/** How the kernel names a pod's volume of hook sockets where a container has all of it mounted: KubeVirt's own. */
export const computeSource = (kubelet: string, uid: string): MountSource =>
  mountSource(join(realpathSync(kubelet), ...volumeOf(uid)));

/** How the kernel names a sidecar's directory where a container has it mounted. */
export const sidecarSource = ({ base, components }: SidecarLocation): MountSource =>
  mountSource(join(base, ...components));

/** Where the sidecar of a binding is that a pod has. */
export function sidecarOf(
  { context, trusted: { pod, sidecars } }: Pick<PodWork, "context" | "trusted">,
  binding: string,
): SidecarLocation {
  const sidecar = sidecars.find((one) => one.binding === binding);
  if (sidecar === undefined) throw missingSidecar(binding);
  return sidecarLocation(context.kubelet, pod.metadata.uid, sidecar);
}
