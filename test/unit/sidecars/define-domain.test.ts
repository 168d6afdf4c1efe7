import { BindingError } from "@netbind/contract";
import { defineDomain } from "@netbind/sidecar";
import fc from "fast-check";
import { expect, test } from "vitest";

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
  const stored = { vm: { namespace: "n", name: "v", uid: "u" }, nics: [{ nic, domain }] } as const;
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
