/** Replicas of which one works, by a Lease of a real API server: none works beside another, whatever happens to it. */
import { type ApiCall, ApiClient, LEASES, LeaderElection, type LeaseTiming } from "@netbind/kube";
import { randomUUID } from "node:crypto";
import { beforeEach, expect, test } from "vitest";
import { connectionOf } from "../support/cluster/api-connection.ts";
import type { ApiServer, TestNamespace } from "../support/cluster/api-server.ts";
import { useApiServer } from "../support/cluster/use-api-server.ts";

const TIMING = { duration: 3000, deadline: 2000, retry: 200 } as const;
/** A Lease that does not expire while a test runs: another begins because it was given back. */
const LASTING = { duration: 600_000, deadline: 400_000, retry: 1000 } as const;
const WITHIN = { timeout: 20_000, interval: 20 };

let api: ApiServer;
let namespace: TestNamespace;
beforeEach(async () => {
  api = useApiServer();
  namespace = await api.makeNamespace();
  return () => namespace[Symbol.asyncDispose]();
});

/** What replicas do, in its order: a name where one begins to work, a name with "-" where it ends. */
type Log = string[];

/** A replica that can be cut off from the server. */
class Replica implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #client: ApiClient;
  readonly #ran: Promise<void>;
  readonly election: LeaderElection;
  readonly problems: (string | undefined)[] = [];
  isCutOff = false;

  constructor(name: string, log: Log, timing: LeaseTiming = TIMING) {
    const connection = connectionOf(api.credentials);
    const nowhere = new URL("https://127.0.0.1:1");
    const isCutOff = (): boolean => this.isCutOff;
    this.#client = new ApiClient({
      ...connection,
      get server() {
        return isCutOff() ? nowhere : connection.server;
      },
    });
    this.election = new LeaderElection({
      client: this.#client,
      ...{ namespace: namespace.name, name: "replicas", identity: `${name}-${randomUUID()}`, timing },
      onProblem: (problem) => this.problems.push(problem),
      lead: async (signal) => {
        log.push(name);
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        log.push(`${name}-`);
      },
    });
    this.#ran = this.election.run(this.#stop.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#ran;
    this.#client[Symbol.dispose]();
  }
}

test("one works, for longer than a Lease lasts that is not renewed", async () => {
  const log: Log = [];
  await using _first = new Replica("a", log);
  await expect.poll(() => log, WITHIN).toEqual(["a"]);
  await using _second = new Replica("b", log);
  await new Promise((resolve) => setTimeout(resolve, 2 * TIMING.duration));
  expect(log).toEqual(["a"]);
});

test("when one is stopped in order, the other begins without waiting for the Lease's end", async () => {
  const log: Log = [];
  const first = new Replica("a", log, LASTING);
  await expect.poll(() => log, WITHIN).toEqual(["a"]);
  await using _ = new Replica("b", log, LASTING);
  await first[Symbol.asyncDispose]();
  await expect.poll(() => log, WITHIN).toEqual(["a", "a-", "b"]);
});

test.each(["create", "update"])(
  "a stop that comes between the %s and its answer: the Lease is given back",
  async (verb) => {
    using real = new ApiClient(connectionOf(api.credentials));
    const stop = new AbortController();
    // The request is done, and what its answer says is lost with the connection, as where a stop cuts it off.
    const request = async ({ signal, ...call }: ApiCall): Promise<object> => {
      const answer = await real.request({
        ...call,
        ...(stop.signal.aborted && signal !== undefined ? { signal } : {}),
      });
      if (call.verb === verb && !stop.signal.aborted) {
        stop.abort();
        signal?.throwIfAborted();
      }
      return answer;
    };
    const place = { namespace: namespace.name, name: "replicas", timing: LASTING };
    const lead = (signal: AbortSignal): Promise<void> =>
      new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
    const client = { request } as unknown as ApiClient;
    await new LeaderElection({ client, ...place, identity: "cut-off", lead }).run(stop.signal);
    const lease = await real.request({ verb: "get", resource: LEASES, namespace: namespace.name, name: "replicas" });
    expect(lease["spec"]).toMatchObject({ holderIdentity: "" });
  },
);

test("one that loses the server ends its work before the other begins, says why, and takes part again", async () => {
  const log: Log = [];
  await using first = new Replica("a", log);
  await expect.poll(() => log, WITHIN).toEqual(["a"]);
  await using second = new Replica("b", log);
  first.isCutOff = true;
  await expect.poll(() => log, WITHIN).toEqual(["a", "a-", "b"]);
  expect(first.problems.at(-1)).toContain('cannot get leases.coordination.k8s.io "replicas"');
  first.isCutOff = false;
  second.isCutOff = true;
  await expect.poll(() => log, WITHIN).toEqual(["a", "a-", "b", "b-", "a"]);
  expect(first.problems.at(-1)).toBeUndefined();
});

test("of many that begin at once one works, and kubectl shows who", async () => {
  const log: Log = [];
  await using stack = new AsyncDisposableStack();
  for (const name of ["a", "b", "c", "d"]) stack.use(new Replica(name, log));
  await new Promise((resolve) => setTimeout(resolve, 2 * TIMING.duration));
  expect(log).toHaveLength(1);
  const shown = await api.kubectl(["get", "lease", "replicas", "-n", namespace.name]);
  expect(shown).toMatch(new RegExp(`replicas +${log[0]}-`));
});

test("a failure of the holder's work is thrown, and the Lease is free at once", async () => {
  using client = new ApiClient(connectionOf(api.credentials));
  const place = { client, namespace: namespace.name, name: "replicas", timing: LASTING };
  const fails = async (): Promise<void> => {
    throw new Error("it cannot work");
  };
  const election = new LeaderElection({ ...place, identity: "failing", lead: fails });
  await expect(election.run(new AbortController().signal)).rejects.toThrow("it cannot work");
  expect(election.isLeading).toBe(false);
  const log: Log = [];
  await using _ = new Replica("b", log, LASTING);
  await expect.poll(() => log, WITHIN).toEqual(["b"]);
});
