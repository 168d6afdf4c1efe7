/** When a launcher pod is made, runs and is let on: by the API server, its containerd and its sidecars' directories. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ContainerStarts } from "./container-starts.ts";
import type { InNode } from "./in-node.ts";
import type { WatchedPod } from "./pod-watch.ts";

/** Milliseconds since 1970. */
export interface PodTimes {
  /** The API server showed it. */
  readonly made: number;
  /** The last of its containers was started. */
  readonly running: number;
  /** The API server showed that all of them are ready. */
  readonly ready: number;
  /** The last of its hook sockets came: virt-launcher goes on. */
  readonly open: number;
}

const SOCKETS = "hook-sidecar-sockets";

/** When a directory got its hook socket, which comes last; undefined where it has none. */
function openedAt(directory: string): number | undefined {
  return readdirSync(directory).some((name) => name.endsWith(".sock")) ? statSync(directory).mtimeMs : undefined;
}

const latest = (times: readonly (number | undefined)[]): number | undefined =>
  times.every((time) => time !== undefined) && times.length > 0 ? Math.max(...times) : undefined;

/** The times of a pod whose containers all run; undefined where one of them is not known (yet). */
export function podTimes(
  node: InNode,
  starts: ContainerStarts,
  { pod, made, ready }: WatchedPod,
): PodTimes | undefined {
  const { containerStatuses = [] } = pod.status;
  const running = latest(containerStatuses.map(({ containerID = "" }) => starts.at(containerID)));
  const volume = node.volume(pod.metadata.uid, SOCKETS);
  if (running === undefined || ready === undefined) return undefined;
  const open = latest(readdirSync(volume).map((sidecar) => openedAt(join(volume, sidecar))));
  return open === undefined ? undefined : { made, running, ready, open };
}
