import { test } from "vitest";
import { proveThroughAgent } from "../support/kube/kube-traffic.ts";

test.each([
  { binding: "bridge", address: (pod: string) => pod, onTap: true },
  { binding: "passt", address: (pod: string) => pod, onTap: false },
  { binding: "slirp", address: () => "10.0.2.15", onTap: false },
])(
  "$binding in a pod that the agent attached: hooks as virt-launcher drives them, then a guest with traffic",
  proveThroughAgent,
);

test("passt behind a launcher with an older libvirt: the guest is joined as that one can", () =>
  proveThroughAgent({
    binding: "passt",
    address: (pod) => pod,
    onTap: false,
    libvirt: "libvirt.so.0.10010.0",
    domain: /<interface type='user'>/,
  }));
