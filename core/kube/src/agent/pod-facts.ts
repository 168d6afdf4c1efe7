import { guestResolver, type PodFacts, podHostname } from "@netbind/engine";
import type { ProcessId } from "@netbind/netns";
import { HeldDirectory } from "@netbind/remote";
import type { KubePod, KubeVmi } from "./cluster.ts";
import { causeOf } from "./launcher-pods.ts";

const RESOLV_CONF_LIMIT = 64 * 1024;

/** Reads what a pod tells of itself. Its files are what somebody in it made: no link is followed, and the text is parsed. */
export function readPodFacts(pod: KubePod, vmi: KubeVmi, process: ProcessId): PodFacts {
  using directory = HeldDirectory.open(`/proc/${process.pid}/root`, ["etc"]);
  const text = directory.read("resolv.conf", RESOLV_CONF_LIMIT);
  return { resolvConf: guestResolver(text, vmi.spec.subdomain), hostname: podHostname(vmi), cause: causeOf(pod, vmi) };
}
