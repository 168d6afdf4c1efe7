import { Alarm } from "@netbind/kube";
import { canHold, HeldDirectory, type SidecarLocation } from "@netbind/remote/sidecar";

/** Milliseconds between two looks, and between two where no pod waits. */
const LOOK = 50;
const IDLE = 60_000;
/** The most pods of a look: a node's processors are for its guests. */
const MOST_PODS = 25;

interface Waiting {
  /** How far the pod's sidecars were when its agent was last called. */
  progress: number;
  /** Absent: its agent is at work on it, or does not wait for them. */
  sidecars?: readonly SidecarLocation[];
}

/** How far a sidecar is, by its directory: 0: it has not started; 1: it runs or ran; 2: it can be attached. */
export function progressOf({ base, components, uid }: SidecarLocation): number {
  using own = HeldDirectory.find(base, [...components, "netbind"]);
  if (own === undefined) return 0;
  return canHold(() => own.socket("attach.sock", uid)) ? 2 : 1;
}

/**
 * Looks at the sidecars that pods wait for, often and at little cost: a pod is found by all processes of its node, which costs
 * too much for every moment of a start that may take minutes. Its agent hears of it once for each step that a sidecar makes,
 * whatever its directory shows later: the pod may write there.
 */
export class SidecarArrivals {
  readonly #onProgress: (pod: string) => void;
  /** By the pod's UID; those that were looked at last are at the end. */
  readonly #pods = new Map<string, Waiting>();
  readonly #alarm = new Alarm();

  constructor(onProgress: (pod: string) => void) {
    this.#onProgress = onProgress;
  }

  /** Looks until it is stopped. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.look();
      await this.#alarm.wait(this.#expected().length > 0 ? LOOK : IDLE, signal);
    }
  }

  /** From now on a pod waits for its sidecars. */
  expect(pod: string, sidecars: readonly SidecarLocation[]): void {
    this.#pods.set(pod, { progress: 0, ...this.#pods.get(pod), sidecars });
    this.#alarm.ring();
  }

  /** A pod waits for nothing now. */
  pause(pod: string): void {
    const waiting = this.#pods.get(pod);
    if (waiting !== undefined) delete waiting.sidecars;
  }

  /** Forgets all other pods. */
  retain(pods: ReadonlySet<string>): void {
    for (const pod of this.#pods.keys()) if (!pods.has(pod)) this.#pods.delete(pod);
  }

  /** Looks at some of those that wait, in turn. */
  look(): void {
    for (const [pod, waiting] of this.#expected().slice(0, MOST_PODS)) {
      this.#pods.delete(pod);
      this.#pods.set(pod, waiting);
      const progress = (waiting.sidecars ?? []).reduce((sum, sidecar) => sum + progressOf(sidecar), 0);
      if (progress <= waiting.progress) continue;
      waiting.progress = progress;
      this.#onProgress(pod);
    }
  }

  #expected(): readonly (readonly [string, Waiting])[] {
    return [...this.#pods].filter(([, { sidecars }]) => sidecars !== undefined);
  }
}
