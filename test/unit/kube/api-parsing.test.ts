/** What comes from an API server, as bytes and as objects: nothing in it is taken for what it is not. */
import fc from "fast-check";
import { backoff, jsonLines, readFields, readListPage, readWatchEvent } from "@netbind/kube";
import { expect, test } from "vitest";
import { kubevirtObject, launcherPod, vmiObject } from "../../support/kube/kube-objects.ts";

async function* chunks(...parts: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* parts;
}

async function linesOf(parts: readonly Buffer[], limit = 1000): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const value of jsonLines(chunks(...parts), limit)) all.push(value);
  return all;
}

test("lines are found wherever the stream is cut", async () => {
  const value = fc.array(fc.oneof(fc.string({ unit: "grapheme" }), fc.integer()), { maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(fc.array(value, { maxLength: 5 }), fc.array(fc.nat(200), { maxLength: 6 }), async (values, at) => {
      const bytes = Buffer.from(values.map((one) => `${JSON.stringify(one)}\n`).join(""));
      const cuts = [0, ...at.map((one) => Math.min(one, bytes.length)).sort((a, b) => a - b), bytes.length];
      const parts = cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end));
      expect(await linesOf(parts)).toEqual(values);
    }),
  );
});

test("a line that was cut off is not given, and one that is too long or no JSON ends the stream", async () => {
  expect(await linesOf([Buffer.from('{"a":1}\n{"b":')])).toEqual([{ a: 1 }]);
  expect(await linesOf([Buffer.from("\n \n7\n")])).toEqual([7]);
  const long = Buffer.alloc(600, "1");
  await expect(linesOf([long, long])).rejects.toThrow("a line of more than 1000 bytes");
  await expect(linesOf([long, Buffer.concat([long, Buffer.from("\n")])])).rejects.toThrow("more than 1000 bytes");
  await expect(linesOf([Buffer.from("{\n")])).rejects.toThrow("not JSON");
});

const object = { metadata: { name: "a", resourceVersion: "7" } };

test("an event of a watch is read, and what is none is not", () => {
  expect(readWatchEvent({ type: "ADDED", object })).toEqual({ type: "changed", object, version: "7" });
  expect(readWatchEvent({ type: "MODIFIED", object })).toMatchObject({ type: "changed" });
  expect(readWatchEvent({ type: "DELETED", object })).toMatchObject({ type: "deleted" });
  expect(readWatchEvent({ type: "BOOKMARK", object: { metadata: { resourceVersion: "8" } } })).toEqual({
    type: "bookmark",
    version: "8",
  });
  expect(readWatchEvent({ type: "ERROR", object: { code: 410, message: "too old" } })).toEqual({
    type: "error",
    status: 410,
    message: "too old",
  });
  expect(readWatchEvent({ type: "ERROR" })).toMatchObject({ type: "error", status: 0 });
  for (const line of [
    null,
    7,
    [],
    {},
    { type: "ADDED" },
    { type: "ADDED", object: { metadata: { resourceVersion: "7" } } },
    { type: "ADDED", object: { metadata: { name: "a" } } },
    { type: "RENAMED", object },
    { type: "BOOKMARK", object: {} },
  ])
    expect(readWatchEvent(line)).toBeUndefined();
});

test("a page of a list is read, and what is none is not", () => {
  expect(readListPage({ metadata: { resourceVersion: "7", continue: "" }, items: null })).toEqual({
    items: [],
    version: "7",
  });
  expect(readListPage({ metadata: { resourceVersion: "7", continue: "c" }, items: [object] })).toEqual({
    items: [object],
    version: "7",
    next: "c",
  });
  for (const answer of [null, {}, { metadata: {} }, { metadata: { resourceVersion: "7" }, items: {} }])
    expect(readListPage(answer)).toBeUndefined();
});

test("pauses grow to a bound, and are drawn from their second half", () => {
  const bounds = { first: 100, most: 1000 };
  expect([1, 2, 3, 4, 5, 50].map((failures) => backoff(failures, bounds, () => 1))).toEqual([
    100, 200, 400, 800, 1000, 1000,
  ]);
  expect(backoff(3, bounds, () => 0)).toBe(200);
});

const NICS = [{ name: "red", binding: "masquerade" }];
const POD = launcherPod({ uid: "u", name: "virt-launcher-vm-x", vm: "vm", node: "node-1", nics: NICS });

test("of an object only what is read is kept, and the rest does not count", () => {
  const filler = "x".repeat(100_000);
  const metadata = {
    ...(POD["metadata"] as object),
    annotations: { "k8s.v1.cni.cncf.io/network-status": "[]", filler },
    labels: { "kubevirt.io": "virt-launcher", filler },
    managedFields: [filler],
  };
  const [pod] = readFields({ ...POD, metadata, status: { phase: "Running", conditions: [filler] } }).pods;
  expect(JSON.stringify(pod)).not.toContain(filler);
  expect(pod?.metadata.annotations).toEqual({ "k8s.v1.cni.cncf.io/network-status": "[]" });
  expect(pod?.metadata.ownerReferences?.[0]?.name).toBe("vm");
  expect(pod?.status).toEqual({ phase: "Running" });
  const vmi = vmiObject("vm", NICS);
  const [kept] = readFields({ ...vmi, metadata: { ...(vmi["metadata"] as object), managedFields: [filler] } }).vmis;
  expect(JSON.stringify(kept)).not.toContain(filler);
  expect(kept?.spec).toEqual(vmi["spec"]);
  expect(Object.keys(readFields(kubevirtObject()).configuration.network?.binding ?? {})).toContain("masquerade");
});

test("whatever an object's fields are, reading it does not fail: it is left out, with its name", () => {
  const anything = fc.oneof(fc.jsonValue(), fc.constant(undefined));
  const fields = fc.record({ metadata: anything, spec: anything, status: anything });
  const kind = fc.constantFrom("Pod", "VirtualMachineInstance", "KubeVirt");
  fc.assert(
    fc.property(kind, fields, (of, rest) => {
      readFields({ kind: of, ...rest });
    }),
  );
  const metadata = { name: "odd", namespace: "default", uid: "u" };
  for (const spec of [null, 7, {}, { containers: {} }, { containers: [7] }, { containers: [{ name: "a", env: 7 }] }])
    expect(readFields({ kind: "Pod", metadata, spec }).unreadable).toMatchObject([
      { what: "Pod default/odd", uid: "u" },
    ]);
});
