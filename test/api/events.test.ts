/** Events on objects of a real API server: what is said again is counted, not written again. */
import { type ApiEvent, ApiClient, EVENTS, EventWriter } from "@netbind/kube";
import { beforeAll, expect, test } from "vitest";
import { connectionOf } from "../support/cluster/api-connection.ts";
import type { ApiServer } from "../support/cluster/api-server.ts";
import { NodeObjects } from "../support/cluster/node-objects.ts";
import { useApiServer } from "../support/cluster/use-api-server.ts";

let api: ApiServer;
beforeAll(() => {
  api = useApiServer();
});

interface Listed {
  readonly items: readonly { readonly count: number; readonly message: string; readonly reason: string }[];
}

const eventsOf = async (namespace: string): Promise<Listed["items"]> =>
  (await api.request<Listed>({ path: `/api/v1/namespaces/${namespace}/events` })).items;

const SOURCE = { component: "netbind-agent", host: "node-1" } as const;
const writerAs = (credentials: ApiServer["credentials"], onProblem?: (problem: string) => void): EventWriter =>
  new EventWriter(new ApiClient(connectionOf(credentials)), { ...SOURCE, ...(onProblem ? { onProblem } : {}) });

test("an event said again is counted, also by a writer that starts again; kubectl shows it at its VMI", async () => {
  await using namespace = await api.makeNamespace();
  const uid = await new NodeObjects(api, namespace.name).makeVmi("vm");
  const about = {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    namespace: namespace.name,
    name: "vm",
    uid,
  };
  const refused: ApiEvent = { about, type: "Warning", reason: "POD_REFUSED", message: "no\u00a0way" };
  for (let times = 0; times < 2; times++) {
    const writer = writerAs(api.credentials);
    writer.write(refused);
    writer.write(refused);
    writer.write({ ...refused, message: "é".repeat(2000) });
    await writer.idle();
  }
  const events = await eventsOf(namespace.name);
  expect(events.map(({ count }) => count).sort()).toEqual([2, 4]);
  expect(events.map(({ message }) => Buffer.byteLength(message) <= 1024)).toEqual([true, true]);
  expect(events.some(({ message }) => message.endsWith("é..."))).toBe(true);
  expect(await api.kubectl(["events", "-n", namespace.name, "--for", "virtualmachineinstance/vm"])).toContain(
    "POD_REFUSED",
  );
});

test("a writer that may not write says once which rule it misses, and drops what it has", async () => {
  await using namespace = await api.makeNamespace();
  const problems: string[] = [];
  const account = await api.asServiceAccount(namespace.name, "mute");
  const writer = writerAs(account, (problem) => problems.push(problem));
  const about = { apiVersion: "v1", kind: "Pod", namespace: namespace.name, name: "pod", uid: "u" };
  for (const message of ["a", "b"]) writer.write({ about, type: "Normal", reason: "ATTACHED", message });
  await writer.idle();
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain('add the rule {apiGroups: [""], resources: ["events"], verbs: ["create"]}');
  expect(await eventsOf(namespace.name)).toEqual([]);
});

test("in a namespace that is being deleted no right is missing: what is said of it goes with it, without a word", async () => {
  const namespace = await api.makeNamespace();
  await namespace[Symbol.asyncDispose]();
  const problems: string[] = [];
  const writer = writerAs(api.credentials, (problem) => problems.push(problem));
  const about = { apiVersion: "v1", kind: "Pod", namespace: namespace.name, name: "pod", uid: "u" };
  writer.write({ about, type: "Normal", reason: "ATTACHED", message: "a" });
  await writer.idle();
  expect([problems, await eventsOf(namespace.name)]).toEqual([[], []]);
  // Whatever asks is told what it is.
  using client = new ApiClient(connectionOf(api.credentials));
  const body = { apiVersion: "v1", kind: "Event", metadata: { name: "e" }, involvedObject: about };
  const asked = client.request({ resource: EVENTS, namespace: namespace.name, verb: "create", body });
  await expect(asked).rejects.toThrow(`in namespace "${namespace.name}": the namespace is being deleted`);
  await expect(asked).rejects.not.toThrow("add the rule");
});

test("what is said while the server is away is written when it is back, in its order, once", async () => {
  await using namespace = await api.makeNamespace();
  const problems: string[] = [];
  const writer = writerAs(api.credentials, (problem) => problems.push(problem));
  const about = { apiVersion: "v1", kind: "Pod", namespace: namespace.name, name: "pod", uid: "u" };
  await api.order("stop", "kube-apiserver");
  try {
    for (const message of ["a", "b"]) writer.write({ about, type: "Normal", reason: "REPAIRED", message });
    await expect.poll(() => problems.length).toBe(1);
  } finally {
    await api.order("start", "kube-apiserver");
  }
  await writer.idle();
  const events = await eventsOf(namespace.name);
  expect(events.map(({ message, count }) => `${message} ${count}`).sort()).toEqual(["a 1", "b 1"]);
});
