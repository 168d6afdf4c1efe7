import { nicQueues, type Vmi } from "@netbind/kubevirt";
import { expect, test } from "vitest";

test("a queue for each processor, of virtio NICs alone, where the VM asks for them", () => {
  const spec = (domain: object): Vmi["spec"] => ({
    domain: { devices: { networkInterfaceMultiqueue: true }, ...domain },
  });
  expect(nicQueues(spec({ cpu: { cores: 2, threads: 2 } }), "virtio")).toBe(4);
  expect(nicQueues(spec({ cpu: { cores: 400 } }), "virtio")).toBe(256);
  expect(nicQueues(spec({ resources: { limits: { cpu: "2500m" } } }), "virtio")).toBe(3);
  expect(nicQueues(spec({ cpu: { cores: 2 } }), "e1000")).toBe(0);
  expect(nicQueues({ domain: { devices: {}, cpu: { cores: 2 } } }, "virtio")).toBe(0);
});
