import { openKnown, ProcessDirectory, type ProcessId } from "./process-directory.ts";

/** A process that is held and known, by its directory in /proc. Hold one first, then check what it is, then act through it. */
export class HeldProcess extends ProcessDirectory {
  readonly id: ProcessId;

  private constructor(descriptor: number, id: ProcessId) {
    super(descriptor, id.pid);
    this.id = id;
  }

  /**
   * Holds the process that has a number now; undefined where there is none, or a zombie.
   *
   * @throws Error where it cannot be held: a process that is there is never taken for one that has ended
   */
  static override open(pid: number): HeldProcess | undefined {
    const known = openKnown(pid);
    return known === undefined ? undefined : new HeldProcess(known.descriptor, known.id);
  }

  /** Holds this very process; undefined where it has ended. */
  static of({ pid, startTime }: ProcessId): HeldProcess | undefined {
    const held = HeldProcess.open(pid);
    if (held === undefined || held.id.startTime === startTime) return held;
    held[Symbol.dispose]();
    return undefined;
  }
}

/** Identifies a running process. */
export function identify(pid: number): ProcessId | undefined {
  using held = HeldProcess.open(pid);
  return held?.id;
}

/** When a process started, in clock ticks since boot; undefined where there is no such process or it is a zombie. */
export const startTimeOf = (pid: number): number | undefined => identify(pid)?.startTime;

/** True while this very process runs. */
export function isAlive(process: ProcessId): boolean {
  using held = HeldProcess.of(process);
  return held !== undefined;
}

/** True while this very process runs and is not stopped. */
export function isRunning(process: ProcessId): boolean {
  using held = HeldProcess.of(process);
  const state = held?.state;
  return state !== undefined && !["Z", "T", "t"].includes(state);
}
