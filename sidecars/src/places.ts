import { join } from "node:path";

/** Where KubeVirt gives a sidecar its directory of the pod's hooks. */
export const HOOKS_DIRECTORY = "/var/run/kubevirt-hooks";

/** The sockets and files of a sidecar. */
export interface SidecarPlaces {
  /** The sidecar's own directory, which KubeVirt's launcher skips. */
  readonly own: string;
  readonly attachSocket: string;
  /** Where KubeVirt's launcher finds the sidecar. */
  readonly hookSocket: string;
  /** Where the hook socket is before that. */
  readonly nextHookSocket: string;
  /** What was attached. */
  readonly storedFile: string;
}

/** `container`: unique in the pod, and part of the hook socket's name, because KubeVirt tells sockets apart by that alone. */
export function sidecarPlaces(binding: string, container: string, hooksDirectory: string): SidecarPlaces {
  const own = join(hooksDirectory, "netbind");
  return {
    own,
    attachSocket: join(own, "attach.sock"),
    hookSocket: join(hooksDirectory, `${binding}-${container}.sock`),
    nextHookSocket: join(own, "hook.sock"),
    storedFile: join(own, "attach.sealed"),
  };
}

/** The one socket that inetd holds in an image. Both others are further names of it, each made once it is served there. */
export const HELD_SOCKET: string = join(HOOKS_DIRECTORY, "netbind/held.sock");
/** The name of inetd's configuration, beside the bundle. */
export const INETD_FILE = "inetd.conf";
