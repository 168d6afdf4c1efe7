import type { Vmi } from "@netbind/kubevirt";

/** Seconds that a guest is given where its VM does not say how many, and at most. */
const [USUAL, LONGEST] = [30, 300] as const;

/**
 * How long a guest that is asked to end is waited for. A VM's author does not decide how long an administrator has to
 * wait for its end.
 */
export function graceOf({ spec }: Pick<Vmi, "spec">): {
  readonly milliseconds: number;
  readonly warnings: readonly string[];
} {
  const seconds = spec.terminationGracePeriodSeconds ?? USUAL;
  if (seconds <= LONGEST) return { milliseconds: Math.max(0, seconds) * 1000, warnings: [] };
  return {
    milliseconds: LONGEST * 1000,
    warnings: [
      `spec.terminationGracePeriodSeconds is ${seconds}: netbind waits at most ${LONGEST} seconds for a guest to shut down; ` +
        "netbind stop --force does not wait",
    ],
  };
}
