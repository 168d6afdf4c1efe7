/** How a proof of rights would fail: a right that nothing uses, and a request that is not allowed, are both seen. */
import { expect, test } from "vitest";
import { type Asked, askedOf, denied, rightsOf, unused } from "../../support/cluster/audit-log.ts";
import type { ChartObject } from "../../support/cluster/chart.ts";

const role = (kind: string, ...rules: readonly object[]): ChartObject =>
  ({ apiVersion: "rbac.authorization.k8s.io/v1", kind, metadata: { name: "r", labels: {} }, rules }) as ChartObject;

const RIGHTS = rightsOf([
  role("ClusterRole", { apiGroups: ["", "a"], resources: ["pods", "pods/status"], verbs: ["get", "list"] }),
  role("Role", { apiGroups: [""], resources: ["secrets"], resourceNames: ["one", "two"], verbs: ["patch"] }),
]);
const asked = (verb: string, resource: string, more: Partial<Asked> = {}): Asked => ({
  ...{ verb, resource, group: "", namespace: "n", name: "", isAllowed: true },
  ...more,
});

test("each verb of each resource, of each group and of each name is a right by itself", () => {
  expect(RIGHTS).toHaveLength(10);
  expect(unused(RIGHTS, [])).toContain("list pods/status.a");
  const all = ["", "a"].flatMap((group) =>
    ["pods", "pods/status"].flatMap((resource) => ["get", "list"].map((verb) => asked(verb, resource, { group }))),
  );
  const secrets = ["one", "two"].map((name) => asked("patch", "secrets", { name }));
  expect(unused(RIGHTS, [...all, ...secrets])).toEqual([]);
  expect(unused(RIGHTS, [...all.slice(1), ...secrets])).toEqual(["get pods"]);
  expect(unused(RIGHTS, [...all, ...secrets.slice(1)])).toEqual(["patch secrets one"]);
  expect(unused(RIGHTS, [...all, ...secrets.map((one) => ({ ...one, namespace: "" }))])).toHaveLength(2);
});

test("what was refused uses no right, and is denied", () => {
  const refused = asked("get", "pods", { isAllowed: false });
  expect(unused(RIGHTS, [refused])).toContain("get pods");
  expect([denied([refused, refused]), denied([asked("get", "pods")])]).toEqual([["get pods"], []]);
});

test("an apply that makes its object needs two rights, one that changes it one", () => {
  const user = { username: "u" };
  const objectRef = { apiGroup: "a", resource: "pods", subresource: "status", namespace: "n", name: "p" };
  const verbsOf = (verb: string, code: number): readonly string[] =>
    askedOf({ verb, user, objectRef, responseStatus: { code } }).map((one) => one.verb);
  expect([verbsOf("patch", 201), verbsOf("patch", 200)]).toEqual([["patch", "create"], ["patch"]]);
  expect(askedOf({ verb: "get", user, objectRef, responseStatus: { code: 403 } })).toEqual([
    { verb: "get", group: "a", resource: "pods/status", namespace: "n", name: "p", isAllowed: false },
  ]);
});

test("what a namespace refuses because it goes away is not a denial of rights", () => {
  const event = { verb: "create", user: { username: "u" }, objectRef: { resource: "events", namespace: "n" } };
  const allowed = (reason: string): readonly boolean[] =>
    askedOf({ ...event, responseStatus: { code: 403, details: { causes: [{ reason }] } } }).map((one) => one.isAllowed);
  expect([allowed("NamespaceTerminating"), allowed("FieldValueInvalid")]).toEqual([[true], [false]]);
});
