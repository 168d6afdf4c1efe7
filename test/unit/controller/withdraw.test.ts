/** Whatever managers have of a registry's entries: undoing takes away what the controller alone has, and nothing else. */
import type { ApiObject } from "@netbind/kube";
import { KUBEVIRTS } from "@netbind/kube";
import { sameValue } from "@netbind/kubevirt";
import fc from "fast-check";
import { expect, test } from "vitest";
import { planRegistry } from "../../../core/controller/src/registration/plan-registry.ts";
import { FIELD_MANAGER, ownNames, type Registry, valueAt } from "../../../core/controller/src/registration/registry.ts";

type Tree = { [name: string]: Tree | string };
const PATH = ["spec", "configuration", "network", "binding"];
const LEAVES: Readonly<Record<string, readonly string[]>> = {
  image: ["sidecarImage"],
  attachment: ["domainAttachmentType"],
  method: ["migration", "method"],
  memory: ["computeResourceOverhead", "requests", "memory"],
};
const MANAGERS = [FIELD_MANAGER, "admin", "gitops"] as const;

/** A leaf of an entry, with who has it. */
interface Leaf {
  readonly name: string;
  readonly path: readonly string[];
  readonly managers: readonly string[];
}

const leafOf = (name: string): fc.Arbitrary<Leaf> =>
  fc
    .tuple(fc.constantFrom(...Object.keys(LEAVES)), fc.subarray([...MANAGERS], { minLength: 1 }))
    .map(([leaf, managers]) => ({ name, path: LEAVES[leaf] ?? [], managers }));

const leavesOf = fc
  .tuple(
    ...["red", "blue", "green"].map((name) => fc.uniqueArray(leafOf(name), { selector: ({ path }) => path.join() })),
  )
  .map((all) => all.flat());

/** Puts a value at a path of a tree. */
function put(tree: Tree, path: readonly string[], value: Tree | string): void {
  const [name = "", ...rest] = path;
  if (rest.length === 0) {
    tree[name] = value;
    return;
  }
  const inner = tree[name];
  const next = typeof inner === "object" ? inner : {};
  tree[name] = next;
  put(next, rest, value);
}

function registryOf(leaves: readonly Leaf[], creator: number): Registry {
  const object: Tree = { spec: {} };
  const fields = new Map<string, Tree>([["creator", {}]]);
  // Who made the CR may have the objects on the way to the entries.
  put(
    fields.get("creator") ?? {},
    PATH.slice(0, creator).map((name) => `f:${name}`),
    {},
  );
  for (const path of [PATH.slice(0, creator)]) if (path.length > 1) put(object, path, {});
  for (const { name, path, managers } of leaves) {
    put(object, [...PATH, name, ...path], `${name}-${path.join("-")}`);
    for (const manager of managers) {
      const tree = fields.get(manager) ?? {};
      fields.set(manager, tree);
      put(
        tree,
        [...PATH, name, ...path].map((one) => `f:${one}`),
        {},
      );
    }
  }
  const managedFields = [...fields].map(([manager, fieldsV1]) => ({ manager, operation: "Apply", fieldsV1 }));
  const metadata = { name: "kubevirt", namespace: "kubevirt", uid: "u", resourceVersion: "1", managedFields };
  const place = { resource: KUBEVIRTS, namespace: "kubevirt", name: "kubevirt" };
  return { place, path: PATH, object: { ...object, metadata } as unknown as ApiObject };
}

/** As RFC 7386 has it. */
function merged(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = { ...(typeof target === "object" ? target : {}) };
  for (const [name, value] of Object.entries(patch))
    if (value === null) delete result[name];
    else result[name] = merged(result[name], value);
  return result;
}

test("what others have stays as it is, what the controller alone has goes, and then there is nothing to undo", () => {
  const creators = fc.integer({ min: 1, max: PATH.length });
  const kept = fc.subarray(["red", "blue", "green"]);
  fc.assert(
    fc.property(leavesOf, creators, kept, (leaves, creator, staying) => {
      const registry = registryOf(leaves, creator);
      const desired = new Map(staying.map((name) => [name, "kept"] as const));
      const change = planRegistry(registry, desired);
      const undone = ownNames(registry).filter((name) => !staying.includes(name));
      expect(change?.kind).toBe(undone.length > 0 ? "withdraw" : undefined);
      const after = merged(registry.object, change?.body ?? {}) as ApiObject;
      for (const { name, path, managers } of leaves) {
        const isGone = undone.includes(name) && sameValue(managers, [FIELD_MANAGER]);
        const before = valueAt(registry.object, [...PATH, name, ...path]);
        expect(valueAt(after, [...PATH, name, ...path])).toEqual(isGone ? undefined : before);
      }
      // Of what its creator has, nothing becomes absent.
      expect(valueAt(after, PATH.slice(0, creator))).toBeDefined();
      expect(planRegistry({ ...registry, object: after }, desired)).toBeUndefined();
    }),
    { numRuns: 2000 },
  );
});
