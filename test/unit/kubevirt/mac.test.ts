import { nicMac, type Vmi, type VmiInterface } from "@netbind/kubevirt";
import { expect, test } from "vitest";
import { aVmi } from "../../support/cases/a-vmi.ts";

test("a MAC address is the author's, else the status', else the same one at every start", () => {
  const of = (nic: Partial<VmiInterface>, status?: Vmi["status"]): string =>
    nicMac({ ...aVmi(), ...(status ? { status } : {}) }, { name: "n0", ...nic });
  expect(of({ macAddress: "DE-AD-00-00-BE-AF" })).toBe("de:ad:00:00:be:af");
  expect(of({}, { interfaces: [{ name: "n0", mac: "02:00:00:00:00:07" }] })).toBe("02:00:00:00:00:07");
  expect(of({})).toMatch(/^02(:[0-9a-f]{2}){5}$/);
  expect(of({})).toBe(of({}));
  expect(of({})).not.toBe(of({ name: "n1" }));
});
