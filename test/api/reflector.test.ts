/** List and watch against a real API server: nothing is lost, whatever happens to the server or the watch. */
import { ApiClient, type ApiObject, Reflector, type ReflectorParts, type Resource, VMIS } from "@netbind/kube";
import { beforeAll, expect, test } from "vitest";
import { connectionOf } from "../support/cluster/api-connection.ts";
import type { ApiServer } from "../support/cluster/api-server.ts";
import { compactEtcd } from "../support/cluster/etcd.ts";
import { useApiServer, useCluster } from "../support/cluster/use-api-server.ts";

let api: ApiServer;
beforeAll(() => {
  api = useApiServer();
});

const WITHIN = { timeout: 60_000, interval: 50 };
const WHOLE = { backoff: { first: 50, most: 500 } };
const SOON = { ...WHOLE, page: 2 };
const CONFIGMAPS: Resource = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap" };

const path = (namespace: string, name?: string): string =>
  `/api/v1/namespaces/${namespace}/configmaps${name === undefined ? "" : `/${name}`}`;

/** Config maps of a namespace, as a label tells them from others'. */
class Maps {
  readonly namespace: string;

  constructor(namespace: string) {
    this.namespace = namespace;
  }

  async make(name: string, value = "1"): Promise<void> {
    const metadata = { name, labels: { of: this.namespace } };
    await api.request({ method: "POST", path: path(this.namespace), body: { metadata, data: { value } } });
  }

  async change(name: string, value: string): Promise<void> {
    await api.request({ method: "PATCH", path: path(this.namespace, name), body: { data: { value } } });
  }

  async remove(name: string): Promise<void> {
    await api.request({ method: "DELETE", path: path(this.namespace, name) });
  }
}

const entryOf = (object: ApiObject): string =>
  `${object.metadata.name}=${String((object["data"] as { value?: string } | undefined)?.value)}`;

type Overrides = Partial<ReflectorParts<string>>;

/** A reflector that runs, with what it reported. */
class Followed implements AsyncDisposable {
  readonly reflector: Reflector<string>;
  readonly problems: (string | undefined)[] = [];
  #stop = new AbortController();
  #ran: Promise<void> | undefined;

  constructor(namespace: string, overrides: Overrides) {
    this.reflector = new Reflector<string>({
      client: new ApiClient(connectionOf(api.credentials)),
      resource: CONFIGMAPS,
      selector: { labelSelector: `of=${namespace}` },
      read: entryOf,
      onProblem: (problem) => this.problems.push(problem),
      timing: SOON,
      ...overrides,
    });
    this.start();
  }

  readonly seen = (): readonly string[] => [...this.reflector.objects].sort();

  start(): void {
    this.#stop = new AbortController();
    this.#ran = this.reflector.run(this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ran;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

const follow = (namespace: string, overrides: Overrides = {}): Followed => new Followed(namespace, overrides);

test("it lists in pages, and sees what is added, changed and deleted", async () => {
  await using namespace = await api.makeNamespace();
  const maps = new Maps(namespace.name);
  for (const name of ["a", "b", "c", "d", "e"]) await maps.make(name);
  await using followed = follow(namespace.name);
  await expect.poll(followed.seen, WITHIN).toEqual(["a=1", "b=1", "c=1", "d=1", "e=1"]);
  await maps.make("f");
  await maps.change("a", "2");
  await maps.remove("b");
  await expect.poll(followed.seen, WITHIN).toEqual(["a=2", "c=1", "d=1", "e=1", "f=1"]);
  expect(followed.problems).toEqual([]);
});

test("watches that end all the time lose nothing", async () => {
  await using namespace = await api.makeNamespace();
  const maps = new Maps(namespace.name);
  let lists = 0;
  await using followed = follow(namespace.name, {
    timing: { ...SOON, watch: 500, silence: 700 },
    onChange: () => lists++,
  });
  await expect.poll(() => followed.reflector.isSynced, WITHIN).toBe(true);
  for (let at = 0; at < 20; at++) {
    await maps.make(`m${at}`);
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  await expect.poll(() => followed.seen().length, WITHIN).toBe(20);
  // One list, and an event each: what was known was not listed again.
  expect(lists).toBe(21);
});

test("a server that was away, and whose history is gone, is listed again: what changed meanwhile is there", async () => {
  await using namespace = await api.makeNamespace();
  const maps = new Maps(namespace.name);
  for (const name of ["kept", "changed", "deleted"]) await maps.make(name);
  await using followed = follow(namespace.name);
  await expect.poll(() => followed.seen().length, WITHIN).toBe(3);
  let told = 0;
  // One lists in pages, the other one whole, which need be no older than what it knows.
  await using held = follow(namespace.name, { timing: WHOLE, onChange: () => told++ });
  await expect.poll(() => held.seen().length, WITHIN).toBe(3);
  // It sees nothing of what happens now, and then the server and its history go.
  await held.stop();
  await maps.change("changed", "2");
  await maps.remove("deleted");
  await maps.make("added");
  await compactEtcd(useCluster());
  await api.order("stop");
  await expect.poll(() => followed.problems.length, WITHIN).toBeGreaterThan(0);
  expect(followed.problems[0]).toMatch(/cannot watch configmaps: https:.*(nothing listens|reset|aborted|hang up)/);
  expect(followed.seen()).toHaveLength(3);
  await api.order("start");
  held.start();
  const now = ["added=1", "changed=2", "kept=1"];
  await expect.poll(held.seen, WITHIN).toEqual(now);
  // By one more list: three events would have been told apart.
  expect(told).toBe(2);
  await expect.poll(followed.seen, WITHIN).toEqual(now);
  await maps.make("later");
  for (const { seen } of [followed, held]) await expect.poll(seen, WITHIN).toEqual([...now, "later=1"].sort());
  expect(followed.reflector.problem).toBeUndefined();
});

test("who may not list learns which rule is missing, and goes on once it is there", async () => {
  await using namespace = await api.makeNamespace();
  const client = new ApiClient(connectionOf(await api.asServiceAccount(namespace.name, "reader")));
  await using followed = follow(namespace.name, { client, resource: VMIS });
  const rule = '{apiGroups: ["kubevirt.io"], resources: ["virtualmachineinstances"], verbs: ["list", "watch"]}';
  await expect.poll(() => followed.reflector.problem, WITHIN).toContain(`add the rule ${rule}`);
  expect(followed.problems).toHaveLength(1);
  const role = `reader-${namespace.name}`;
  const verbs = ["--verb=list,watch", "--resource=virtualmachineinstances.kubevirt.io"];
  await api.kubectl(["create", "clusterrole", role, ...verbs]);
  const subject = `--serviceaccount=${namespace.name}:reader`;
  await api.kubectl(["create", "clusterrolebinding", role, `--clusterrole=${role}`, subject]);
  await expect.poll(() => followed.reflector.isSynced, WITHIN).toBe(true);
  expect(followed.problems.at(-1)).toBeUndefined();
});

test("wrong credentials, a wrong authority and a resource that is not served are told apart", async () => {
  const { server, ca } = api.credentials;
  const asked = { verb: "list", resource: CONFIGMAPS } as const;
  const as = (credentials: object) => new ApiClient(connectionOf({ server, ca, ...credentials }));
  await expect(as({ token: "none" }).request(asked)).rejects.toThrow(
    /does not accept the credentials of the test's credentials: they are wrong or expired/,
  );
  await expect(as({ ca: undefined }).request(asked)).rejects.toThrow(/its certificate is not trusted/);
  const resource = { ...VMIS, plural: "elsewheres" };
  await expect(as(api.credentials).request({ verb: "list", resource })).rejects.toThrow(
    /the cluster does not serve elsewheres.kubevirt.io v1: install what defines it/,
  );
  await expect(
    as(api.credentials).request({ verb: "get", resource: VMIS, namespace: "..", name: "a" }),
  ).rejects.toThrow('".." is not a name of an object');
});
