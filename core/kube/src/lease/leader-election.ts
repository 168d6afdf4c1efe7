import type { ApiClient } from "../client/api-client.ts";
import { ApiError } from "../client/errors.ts";
import { LEASES } from "../client/resource.ts";
import { pause } from "../watch/pause.ts";
import { type LeaseRecord, leaseObject, readLease, takenBy } from "./lease-record.ts";
import { ProblemReport } from "../program/problem-report.ts";

/** The times of an election, in milliseconds. */
export interface LeaseTiming {
  /** After so long without a renewal, others take the Lease; whole seconds. */
  readonly duration: number;
  /** After so long without a renewal that succeeds, the holder stops its work: before others begin. */
  readonly deadline: number;
  /** Between two tries. */
  readonly retry: number;
}

const TIMING: LeaseTiming = { duration: 15_000, deadline: 10_000, retry: 2000 };
/** Milliseconds in which a Lease is given back: well within the time that a pod has to end. */
const GIVING_BACK = 5000;

/** What an election is made of. */
export interface ElectionParts {
  readonly client: ApiClient;
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** Of this replica: no two have the same. */
  readonly identity: string;
  /** The holder's work. It ends soon after its signal, which is aborted when the Lease is lost. */
  readonly lead: (signal: AbortSignal) => Promise<void>;
  /** Called with what is wrong, once for as long as it is; with undefined when it is over. */
  readonly onProblem?: (problem: string | undefined) => void;
  readonly timing?: Partial<LeaseTiming>;
}

/** The API's time has microseconds. */
const now = (): string => new Date().toISOString().replace("Z", "000Z");

/**
 * Lets one of several replicas work: the holder of a Lease. No two clocks are compared: another's Lease has expired where
 * it was not renewed for as long as it lasts, by this replica's own measure.
 */
export class LeaderElection {
  readonly #parts: ElectionParts;
  readonly #timing: LeaseTiming;
  /** The last record that was seen, and since when it stands. */
  #seen: { readonly record: LeaseRecord; readonly since: number } | undefined;
  /** When the last renewal that succeeded was begun. */
  #renewedAt = 0;
  /** Since it was first written to, until it was given back: a write whose answer did not come may have been done. */
  #mayHold = false;
  readonly #problem: ProblemReport;
  #isLeading = false;

  constructor(parts: ElectionParts) {
    this.#parts = parts;
    this.#problem = new ProblemReport(parts.onProblem);
    this.#timing = { ...TIMING, ...parts.timing };
  }

  get isLeading(): boolean {
    return this.#isLeading;
  }

  /** Takes part until it is stopped; gives the Lease back then. Rejects where the holder's work does. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (await this.#try(signal)) await this.#lead(signal);
      await pause(this.#timing.retry * (0.5 + Math.random() / 2), signal);
    }
    await this.#release();
  }

  /** Works as the holder, until the Lease is lost or this is stopped. */
  async #lead(signal: AbortSignal): Promise<void> {
    const term = new AbortController();
    const both = AbortSignal.any([signal, term.signal]);
    const failures: unknown[] = [];
    this.#isLeading = true;
    const work = this.#parts
      .lead(both)
      .catch((error: unknown) => failures.push(error))
      .finally(() => term.abort());
    await this.#renew(both);
    term.abort();
    await work;
    this.#isLeading = false;
    // Nothing is written any more: others need not wait until the Lease expires.
    await this.#release();
    if (failures.length > 0) throw failures[0];
  }

  /** Renews the Lease. Resolves where it is lost, or nobody can be sure any more that it is not. */
  async #renew(signal: AbortSignal): Promise<void> {
    const { deadline, retry } = this.#timing;
    while (!signal.aborted) {
      const left = this.#renewedAt + deadline - performance.now();
      if (left <= 0) return;
      await pause(Math.min(retry, left), signal);
      // A request that hangs must not outlast the deadline.
      const inTime = AbortSignal.timeout(Math.max(Math.floor(this.#renewedAt + deadline - performance.now()), 0));
      const isRenewed = !signal.aborted && (await this.#try(AbortSignal.any([signal, inTime])));
      if (!isRenewed && this.#seen?.record.holder !== this.#parts.identity) return;
    }
  }

  /** Takes the Lease, or renews it. False where another holds it, or the server does not say so. */
  async #try(signal: AbortSignal): Promise<boolean> {
    const started = performance.now();
    try {
      const current = await this.#read(signal);
      const isFree = current === undefined || current.holder === "" || current.holder === this.#parts.identity;
      if (!isFree && !this.#isExpired(current)) return false;
      const { duration } = this.#timing;
      this.#mayHold = true;
      await this.#write(takenBy(this.#parts.identity, Math.ceil(duration / 1000), now(), current), signal);
      this.#renewedAt = started;
      this.#problem.set(undefined);
      return true;
    } catch (error) {
      // Another was faster, or this is stopped: no trouble.
      const isOver = signal.aborted && performance.now() < started + this.#timing.deadline;
      if (!isOver && !(error instanceof ApiError && error.status === 409)) this.#problem.set((error as Error).message);
      return false;
    }
  }

  async #read(signal: AbortSignal): Promise<LeaseRecord | undefined> {
    const { client, namespace, name } = this.#parts;
    try {
      const record = readLease(await client.request({ verb: "get", resource: LEASES, namespace, name, signal }));
      this.#note(record);
      return record;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  async #write(record: LeaseRecord, signal?: AbortSignal): Promise<void> {
    const { client, namespace, name } = this.#parts;
    const body = leaseObject({ namespace, name }, record);
    const place = { resource: LEASES, namespace, body, ...(signal === undefined ? {} : { signal }) };
    const answer =
      record.resourceVersion === ""
        ? await client.request({ ...place, verb: "create" })
        : await client.request({ ...place, verb: "update", name });
    this.#note(readLease(answer));
  }

  #note(record: LeaseRecord): void {
    if (record.resourceVersion === this.#seen?.record.resourceVersion) return;
    this.#seen = { record, since: performance.now() };
  }

  #isExpired({ duration }: LeaseRecord): boolean {
    return this.#seen !== undefined && performance.now() - this.#seen.since > duration * 1000;
  }

  /**
   * Gives the Lease back where it is still this replica's. Never rejects. What stands is read first: a stop cuts off the
   * renewal that it comes into, which may have been written all the same, or be written yet.
   */
  async #release(): Promise<void> {
    const inTime = AbortSignal.timeout(GIVING_BACK);
    while (this.#mayHold && !inTime.aborted) {
      try {
        const record = await this.#read(inTime);
        if (record?.holder === this.#parts.identity) await this.#write({ ...record, holder: "" }, inTime);
        this.#mayHold = false;
      } catch (error) {
        // Another failure than a conflict is left to the Lease's end.
        if (!(error instanceof ApiError && error.status === 409)) return;
      }
    }
  }
}
