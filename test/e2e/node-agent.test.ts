import { test } from "vitest";
import { proveThroughAgent } from "../support/kube/kube-traffic.ts";

test.each([
  { binding: "masquerade", address: () => "10.0.2.2", onTap: true },
  { binding: "passt", address: (pod: string) => pod, onTap: false },
])("$binding in a pod that the agent attached: hooks as virt-launcher drives them, then a guest with traffic", proveThroughAgent);
