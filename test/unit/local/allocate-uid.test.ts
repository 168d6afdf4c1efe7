import { chooseUid, mayShareUid, SERVICE_UIDS, VM_UIDS } from "@netbind/netns";
import fc from "fast-check";
import { expect, test } from "vitest";

/** Identities that begin alike, so that their first choices are each other's neighbours. */
const seeds = fc.uniqueArray(
  fc.oneof(
    fc.integer({ min: 0, max: 12 }).map((low) => `00000${low.toString(16)}abcdef`),
    fc.integer({ min: 0, max: 12 }).map((low) => `fffff${low.toString(16)}abcdef`),
    fc.integer({ min: 0, max: 0xffffff }).map((any) => `${any.toString(16).padStart(6, "0")}abcdef`),
  ),
  { maxLength: 40 },
);

test("a user that is chosen by looking at its neighbours alone is nobody else's, and the one that all would have given", () => {
  fc.assert(
    fc.property(seeds, (all) => {
      const chosen: { readonly seed: string; readonly uid: number }[] = [];
      for (const seed of all) {
        const near = chosen.filter((other) => mayShareUid(seed, other.seed));
        const uid = chooseUid(
          SERVICE_UIDS,
          seed,
          near.map((other) => other.uid),
        );
        expect(uid).toBe(
          chooseUid(
            SERVICE_UIDS,
            seed,
            chosen.map((other) => other.uid),
          ),
        );
        chosen.push({ seed, uid });
      }
      expect(new Set(chosen.map(({ uid }) => uid)).size).toBe(all.length);
    }),
  );
});

test("services' users, VMs' users and KubeVirt's are never the same, and the kernel takes them all", () => {
  expect(VM_UIDS.first).toBeGreaterThanOrEqual(SERVICE_UIDS.first + SERVICE_UIDS.count);
  expect(VM_UIDS.first + VM_UIDS.count).toBeLessThan(2 ** 31);
  expect(SERVICE_UIDS.first).toBeGreaterThan(107);
});
