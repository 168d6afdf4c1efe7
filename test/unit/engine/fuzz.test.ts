import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BindingError } from "@netbind/contract";
import masquerade from "@netbind/plugin-masquerade";
import { defineDomain } from "@netbind/sidecar";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { decideVmi } from "@netbind/engine";
import { demoVmi } from "../../demo/vmi.ts";
import { damaged } from "../../support/kill/damage.ts";
import { loadInput } from "../../../core/cli/src/input/load-input.ts";

const VMI = parse(demoVmi({ name: "vm", port: 80, nonce: "x", cidr: "10.7.0.0/24" })) as { metadata: object; spec: object };

test("whatever became of a VMI, its shape is refused or it is decided, and nothing throws", async () => {
  const directory = mkdtempSync(join(tmpdir(), "netbind-fuzz-"));
  const file = join(directory, "vmi.json");
  let decided = 0;
  await fc.assert(
    fc.asyncProperty(damaged(VMI), async (value) => {
      writeFileSync(file, JSON.stringify(value) ?? "");
      const input = loadInput({ filename: [file] });
      for (const { vmi } of input.vms) {
        const { decision, violations } = await decideVmi({
          vmi,
          configuration: input.configuration,
          fallback: { policy: "Always", table: { masquerade: { image: "x" } } },
          bindings: new Map([["masquerade", masquerade]]),
        });
        decided += 1;
        expect(decision !== undefined || violations.length > 0).toBe(true);
        for (const { field, problem, fix } of violations)
          expect([typeof field, problem === "", fix === ""]).toEqual(["string", false, false]);
      }
      expect(input.vms.length + input.violations.length).toBeGreaterThan(0);
    }),
    { numRuns: 1500 },
  );
  rmSync(directory, { recursive: true });
  // Most of what is damaged is still of the shape: else nothing was tried.
  expect(decided).toBeGreaterThan(150);
});

test("whatever bytes a domain hook is given, it answers with bytes or with the contract's error", () => {
  const nic = {
    name: "red",
    mac: "02:00:00:00:00:01",
    model: "virtio",
    transitional: false,
    machine: { arch: "amd64", launchSecurity: false },
    queues: 0,
    mtu: 1500,
    tap: "tap0",
    linkDown: false,
    backend: "vhost",
  } as const;
  const domain = { kind: "passt", forward: [{ protocol: "tcp", ports: [], except: [] }] } as const;
  const stored = { version: 1, vm: { namespace: "n", name: "v", uid: "u" }, nics: [{ nic, domain }] } as const;
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: "binary" }).map((text) => Buffer.from(text)),
    fc.string().map((text) => Buffer.from(`<domain><devices>${text}</devices></domain>`)),
  );
  fc.assert(
    fc.property(bytes, (xml) => {
      try {
        expect(defineDomain(stored, xml)).toBeInstanceOf(Uint8Array);
      } catch (error) {
        expect(error).toBeInstanceOf(BindingError);
      }
    }),
    { numRuns: 2000 },
  );
});
