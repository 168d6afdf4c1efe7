/** A guest that is larger than the machine is refused before anything is made for it. */
import { expect, test } from "vitest";
import type { Vmi } from "@netbind/kubevirt";
import { checkMemory, machineMemory } from "../../../core/local/src/launcher/machine-memory.ts";

const MEMINFO = "MemTotal:       24117248 kB\nMemFree:         1 kB\nSwapTotal:       1048576 kB\nSwapFree: 0 kB\n";
const GIB = 1024 ** 3;
const vmi = (domain: object): Vmi => ({ spec: { domain: { devices: {}, ...domain } } }) as unknown as Vmi;

test("what a machine has is its memory and its swap space", () => {
  expect(machineMemory(MEMINFO)).toBe(24 * GIB);
  // A container hides it, or shows something else in its place: VMs start all the same.
  for (const hidden of ["", "lxcfs\n", "MemTotal:        0 kB\n"]) expect(machineMemory(hidden), hidden).toBe(Infinity);
});

test("the field that asks for more is named, with both sizes", () => {
  const found = (domain: object): readonly string[] =>
    checkMemory(vmi(domain), 24 * GIB).map(({ field, problem }) => `${field}: ${problem}`);
  expect(found({ memory: { guest: "900Gi" } })).toEqual([
    "spec.domain.memory.guest: the VM asks for 900 GiB of memory, and this machine has 24 GiB with its swap space",
  ]);
  expect(found({ resources: { requests: { memory: "24.5Gi" } } })[0]).toMatch(
    /^spec.domain.resources.requests.memory: .* 24.5 GiB/,
  );
  expect(found({ resources: { limits: { memory: "1Ti" } } })[0]).toMatch(/^spec.domain.resources.limits.memory: /);
  for (const fits of [{}, { memory: { guest: "24Gi" } }, { resources: { requests: { memory: "64Mi" } } }])
    expect(found(fits)).toEqual([]);
  expect(checkMemory(vmi({ memory: { guest: "1Mi" } }))).toEqual([]);
});
