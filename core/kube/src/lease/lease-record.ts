import { isObject } from "@netbind/contract/shape";
import { LEASES, typeOf } from "../client/resource.ts";

/** Who holds a Lease (coordination.k8s.io/v1), as it stands in the API. */
export interface LeaseRecord {
  /** Empty: nobody. */
  readonly holder: string;
  /** Seconds after its last renewal for which nobody else takes it. */
  readonly duration: number;
  /** The times are the API's own texts: no two clocks are compared. */
  readonly acquired: string;
  readonly renewed: string;
  readonly transitions: number;
  readonly resourceVersion: string;
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const number = (value: unknown): number => (typeof value === "number" ? value : 0);

/** Reads a Lease. What it does not say counts as empty. */
export function readLease({ metadata, spec }: Readonly<Record<string, unknown>>): LeaseRecord {
  const { resourceVersion } = isObject(metadata) ? metadata : {};
  const { holderIdentity, leaseDurationSeconds, acquireTime, renewTime, leaseTransitions } = isObject(spec) ? spec : {};
  return {
    holder: text(holderIdentity),
    duration: number(leaseDurationSeconds),
    acquired: text(acquireTime),
    renewed: text(renewTime),
    transitions: number(leaseTransitions),
    resourceVersion: text(resourceVersion),
  };
}

/** The Lease of a name with what is to be in it: the version that it replaces makes a change in between refuse it. */
export function leaseObject(place: { readonly namespace: string; readonly name: string }, record: LeaseRecord): object {
  const { holder, duration, acquired, renewed, transitions, resourceVersion } = record;
  return {
    ...typeOf(LEASES),
    metadata: { ...place, ...(resourceVersion === "" ? {} : { resourceVersion }) },
    spec: {
      holderIdentity: holder,
      leaseDurationSeconds: duration,
      acquireTime: acquired,
      renewTime: renewed,
      leaseTransitions: transitions,
    },
  };
}

/** The record with which somebody takes a Lease, or holds it on. `now`: a time as the API writes it, in microseconds. */
export function takenBy(holder: string, duration: number, now: string, before?: LeaseRecord): LeaseRecord {
  const holdsOn = before?.holder === holder;
  return {
    holder,
    duration,
    acquired: holdsOn ? before.acquired : now,
    renewed: now,
    transitions: before === undefined ? 0 : before.transitions + (holdsOn ? 0 : 1),
    resourceVersion: before?.resourceVersion ?? "",
  };
}
