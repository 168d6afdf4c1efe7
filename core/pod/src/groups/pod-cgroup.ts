import { join } from "node:path";
import { findHierarchy, groupOnMachine, HeldProcess, type ProcessId } from "@netbind/netns";

/** The name of the group that a pod's services are in, beside those of its containers. */
const SERVICES = "netbind-services";

/** A pod's UID as control groups are named by: with dashes by cgroupfs, with underscores by systemd. */
const names = (component: string, uid: string): boolean =>
  component.includes(`pod${uid}`) || component.includes(`pod${uid.replaceAll("-", "_")}`);

/**
 * The control group for a pod's services: a child of the pod's own, which one of its processes shows. Undefined where
 * that process is in no group of its pod's, or no group can be made: then its services are not counted as the pod's.
 */
export async function servicesCgroup(process: ProcessId, podUid: string): Promise<string | undefined> {
  const hierarchy = findHierarchy();
  if ("why" in hierarchy) return undefined;
  using held = HeldProcess.of(process);
  const path = held === undefined ? undefined : await groupOnMachine(`self/fd/${held.descriptor}`);
  if (path === undefined) return undefined;
  const components = path.split("/");
  const at = components.findIndex((component) => names(component, podUid));
  // Beside the machine's own root there is none: such a group is under no mount.
  return at === -1 || components.includes("..")
    ? undefined
    : join(hierarchy.mount, ...components.slice(0, at + 1), SERVICES);
}

/** A pod's UID in the name of its control group: a UUID, or the hash that a static pod has, in the way of either driver. */
const POD_GROUP = /pod([0-9a-f]{8}[-_]?(?:[0-9a-f]{4}[-_]?){3}[0-9a-f]{12})(?=\.slice$|$)/i;

const bare = (uid: string): string => uid.replaceAll(/[-_]/g, "").toLowerCase();

/** Whose control group a process is in: the pod's, another pod's, or one whose name carries no pod's UID. */
export type PodMembership = "own" | "another" | "untold";

/**
 * Whose a process is by the text of its /proc/PID/cgroup, which nothing in a pod can change: only root moves processes out of
 * their pod's group. A line of the unified hierarchy, or of each controller's own. On a node that is itself in a pod, the
 * outer pod's UID stands before its pods'.
 */
export function podMembership(cgroups: string, podUid: string): PodMembership {
  const lines = cgroups.split("\n").map((line) =>
    line
      .split("/")
      .flatMap((component) => POD_GROUP.exec(component)?.[1] ?? [])
      .map(bare),
  );
  const telling = lines.filter((uids) => uids.length > 0);
  if (telling.length === 0) return "untold";
  return telling.every((uids) => uids.includes(bare(podUid))) ? "own" : "another";
}
