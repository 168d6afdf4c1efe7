import { mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";

/** The name of the group that a pod's services are in, beside those of its containers. */
const SERVICES = "netbind-services";

/** Where the unified hierarchy is mounted; undefined where it is not. */
function unifiedMount(): string | undefined {
  const line = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .find((one) => / - cgroup2 /.test(one));
  return line?.split(" ")[4];
}

/** A pod's UID as control groups are named by: with dashes by cgroupfs, with underscores by systemd. */
const names = (component: string, uid: string): boolean =>
  component.includes(`pod${uid}`) || component.includes(`pod${uid.replaceAll("-", "_")}`);

/**
 * The control group for a pod's services: a child of the pod's own, which one of its processes tells. Undefined where that
 * process is in no group of its pod's: then its services are not counted as the pod's.
 */
export function servicesCgroup(pid: number, podUid: string): string | undefined {
  const mount = unifiedMount();
  const path = /^0::(\/.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1];
  if (mount === undefined || path === undefined) return undefined;
  const components = path.split("/");
  const at = components.findIndex((component) => names(component, podUid));
  // Who is in a control group namespace of its own sees others' groups by "..", and has them under no mount.
  return at === -1 || components.includes("..") ? undefined : join(mount, ...components.slice(0, at + 1), SERVICES);
}

/** Makes the group of a pod's services, where it is not there yet. @throws Error where the pod's own is gone: it is not made again */
export function makeServicesCgroup(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EEXIST") throw error;
  }
}

/** Removes the group of a pod's services, once nothing runs in it; nothing where it is gone with its pod. */
export function removeServicesCgroup(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT") throw error;
  }
}
