import { defined } from "@netbind/contract";
import { guestResolver, podHostname } from "@netbind/kubevirt/pod";
import { LIBVIRT_DIRECTORIES, libvirtVersionOf } from "@netbind/domain";
import type { PodContext } from "@netbind/engine";
import { HeldProcess, type ProcessId } from "@netbind/netns";
import { HeldDirectory } from "@netbind/remote/sidecar";
import type { KubePod, KubeVmi } from "@netbind/kube";
import { causeOf } from "../launcher-pods.ts";
import { missingSidecarProcess } from "../errors.ts";

const RESOLV_CONF_LIMIT = 64 * 1024;
/** The most entries of a directory of libraries. */
const MOST_LIBRARIES = 20_000;

/** The processes of a pod that the agent reads about it. */
export interface PodProcesses {
  readonly sidecar: ProcessId;
  /** Of the container that has libvirt. Absent where it does not run. */
  readonly compute?: ProcessId;
}

/** The libvirt in a process' file system, by the name of its library; undefined where it has none. */
function readLibvirtVersion(process: ProcessId): string | undefined {
  using held = HeldProcess.of(process);
  if (held === undefined) return undefined;
  const names = LIBVIRT_DIRECTORIES.flatMap((path) => {
    try {
      using directory = HeldDirectory.open(`${held.path}/root`, path);
      return (directory.entries(MOST_LIBRARIES) ?? []).map(({ name }) => name);
    } catch {
      // Another distribution's place, or a process that has just ended.
      return [];
    }
  });
  return libvirtVersionOf(names);
}

/** Reads what a pod reports of itself. Its files are untrusted: no link is followed, and the text is parsed. */
export function readPodContext(pod: KubePod, vmi: KubeVmi, { sidecar, compute }: PodProcesses): PodContext {
  using held = HeldProcess.of(sidecar);
  if (held === undefined) throw missingSidecarProcess("the sidecar's process ended");
  using directory = HeldDirectory.open(`${held.path}/root`, ["etc"]);
  const text = directory.read("resolv.conf", RESOLV_CONF_LIMIT);
  const libvirtVersion = compute && readLibvirtVersion(compute);
  return defined({
    resolvConf: guestResolver(text, vmi.spec.subdomain),
    hostname: podHostname(vmi),
    cause: causeOf(pod, vmi),
    libvirtVersion,
  });
}
