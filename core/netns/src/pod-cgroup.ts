import { join } from "node:path";
import { groupOf, unifiedMount } from "./control-group.ts";
import { HeldProcess, type ProcessId } from "./held-process.ts";

/** The name of the group that a pod's services are in, beside those of its containers. */
const SERVICES = "netbind-services";

/** A pod's UID as control groups are named by: with dashes by cgroupfs, with underscores by systemd. */
const names = (component: string, uid: string): boolean =>
  component.includes(`pod${uid}`) || component.includes(`pod${uid.replaceAll("-", "_")}`);

/**
 * The control group for a pod's services: a child of the pod's own, which one of its processes tells. Undefined where that
 * process is in no group of its pod's: then its services are not counted as the pod's.
 */
export function servicesCgroup(process: ProcessId, podUid: string): string | undefined {
  const mount = unifiedMount();
  using held = HeldProcess.of(process);
  const path = held === undefined ? undefined : groupOf(`self/fd/${held.descriptor}`);
  if (mount === undefined || path === undefined) return undefined;
  const components = path.split("/");
  const at = components.findIndex((component) => names(component, podUid));
  // Who is in a control group namespace of its own sees others' groups by "..", and has them under no mount.
  return at === -1 || components.includes("..") ? undefined : join(mount, ...components.slice(0, at + 1), SERVICES);
}
