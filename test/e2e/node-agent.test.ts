import { test } from "vitest";
import { proveThroughAgent } from "../support/kube/kube-traffic.ts";

test("masquerade in a pod that the agent attached: hooks as virt-launcher drives them, then a guest with traffic", () =>
  proveThroughAgent({ binding: "masquerade", address: () => "10.0.2.2", onTap: true }));
