/** What is written and undone again: by hand now and then, or by a program each time. */
import { Reverts } from "@netbind/controller";
import { KUBEVIRTS } from "@netbind/kube";
import { expect, test } from "vitest";

type Registry = Parameters<Reverts["leave"]>[0];
const PATH = ["spec", "configuration", "network", "binding"];
const fieldsOf = (names: readonly string[]): object =>
  PATH.reduceRight<object>(
    (inner, name) => ({ [`f:${name}`]: inner }),
    Object.fromEntries(names.map((name) => [`f:${name}`, { "f:sidecarImage": {} }])),
  );

/** A KubeVirt CR in which the controller has these entries. */
function registry(names: readonly string[], { uid = "u", other = "admin" } = {}): Registry {
  const managedFields = [
    ...(names.length === 0 ? [] : [{ manager: "netbind-controller", fieldsV1: fieldsOf(names) }]),
    { manager: other, fieldsV1: { "f:spec": {} } },
  ];
  const place = { resource: KUBEVIRTS, namespace: "kubevirt", name: "kubevirt" };
  return { place, path: PATH, object: { metadata: { name: "kubevirt", uid, managedFields } } };
}

let now = 0;
const made = (): Reverts => {
  now = 0;
  return new Reverts(() => now);
};
/** Writes an entry, and undoes it. */
function revert(reverts: Reverts, times: number, other = "admin"): void {
  for (let time = 0; time < times; time++) {
    reverts.leave(registry(["passt", "slirp"], { other }));
    reverts.observe(registry(["slirp"], { other }), ["passt", "slirp"]);
  }
}

test("an entry that stays is not reverted, whatever is written of it, and neither is one of another CR", () => {
  const reverts = made();
  for (let time = 0; time < 9; time++) {
    reverts.leave(registry(["passt"]));
    reverts.observe(registry(["passt", "slirp"]), ["passt", "slirp"]);
    reverts.observe(registry([], { uid: "another" }), ["passt"]);
    // What is not to be there any more is undone by the controller itself.
    reverts.observe(registry([]), ["slirp"]);
  }
  expect([reverts.judge(registry([]), "passt"), reverts.isPaused(registry([]), "passt")]).toEqual([undefined, false]);
});

test("what is undone once or twice is written again; the third time it is said, with who manages the object", () => {
  const reverts = made();
  revert(reverts, 2);
  expect(reverts.judge(registry([]), "passt")).toBeUndefined();
  revert(reverts, 1);
  expect(reverts.judge(registry([]), "passt")).toEqual({
    ...{ isTrue: false, reason: "Reverted" },
    message:
      "spec.configuration.network.binding.passt of KubeVirt kubevirt/kubevirt was written and reverted 3 times: " +
      'stop what removes it (managers of the object: "admin")',
  });
  expect(reverts.judge(registry([]), "slirp")).toBeUndefined();
  expect(reverts.isPaused(registry([]), "passt")).toBe(false);
});

test("a fight is not gone on with: pauses become longer, and one that is over is forgotten", () => {
  const reverts = made();
  revert(reverts, 4);
  expect(reverts.isPaused(registry([]), "passt")).toBe(true);
  now += 5000;
  expect(reverts.isPaused(registry([]), "passt")).toBe(false);
  revert(reverts, 1);
  now += 5000;
  expect(reverts.isPaused(registry([]), "passt")).toBe(true);
  revert(reverts, 20);
  now += 299_000;
  expect(reverts.isPaused(registry([]), "passt")).toBe(true);
  now += 2000;
  expect(reverts.isPaused(registry([]), "passt")).toBe(false);
  expect(reverts.judge(registry([]), "passt")).toBeDefined();
  now += 300_000;
  expect(reverts.judge(registry([]), "passt")).toBeUndefined();
});

test("HyperConverged's operator is named, with the field that it copies", () => {
  const reverts = made();
  revert(reverts, 3, "hyperconverged-cluster-operator");
  const { message } = reverts.judge(registry([], { other: "hyperconverged-cluster-operator" }), "passt") ?? {};
  expect(message).toContain("HyperConverged's operator writes this CR: register the binding in spec.networkBinding");
});

test("an entry that stands for longer than it did before it was undone is settled: its author has followed the advice", () => {
  const reverts = made();
  for (let time = 0; time < 4; time++) {
    reverts.leave(registry(["passt"]));
    now += 200;
    reverts.observe(registry([]), ["passt"]);
  }
  expect(reverts.settlesIn).toBe(600_000);
  reverts.leave(registry(["passt"]));
  expect([reverts.judge(registry(["passt"]), "passt")?.reason, reverts.settlesIn]).toEqual(["Reverted", 10_000]);
  now += 6000;
  // It is written again and again with what it has.
  reverts.leave(registry(["passt"]));
  now += 4000;
  expect([reverts.judge(registry(["passt"]), "passt"), reverts.settlesIn]).toEqual([undefined, Infinity]);
});

test("a program that undoes it minutes later is not taken for gone in between", () => {
  const reverts = made();
  for (let time = 0; time < 3; time++) {
    reverts.leave(registry(["passt"]));
    now += 180_000;
    reverts.observe(registry([]), ["passt"]);
  }
  reverts.leave(registry(["passt"]));
  now += 179_000;
  expect(reverts.judge(registry(["passt"]), "passt")?.reason).toBe("Reverted");
});
