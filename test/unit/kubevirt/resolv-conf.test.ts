import { guestResolver, podHostname, podResolvConf } from "@netbind/kubevirt/pod";
import { expect, test } from "vitest";
import { aVmi } from "../../support/cases/a-vmi.ts";

test("the resolver is the pod's, by KubeVirt's rules", () => {
  const pod =
    "nameserver 10.96.0.10\nnameserver fd00::10\nnameserver bad\nsearch Default.svc.cluster.local svc.cluster.local\n";
  expect(guestResolver(pod, "sub")).toEqual({
    nameservers4: ["10.96.0.10"],
    nameservers6: ["fd00::10"],
    search: ["sub.default.svc.cluster.local", "default.svc.cluster.local", "svc.cluster.local"],
  });
  expect(guestResolver("")).toEqual({ nameservers4: ["8.8.8.8"], nameservers6: [], search: ["cluster.local"] });
  // A kubelet without a cluster domain writes the root.
  expect(guestResolver("search .\n").search).toEqual(["cluster.local"]);
  expect(guestResolver("search . example.org\n").search).toEqual(["example.org"]);
  expect(guestResolver("nameserver fd00::1\n").nameservers4).toEqual([]);
  const spec = {
    domain: { devices: {} },
    dnsPolicy: "None",
    dnsConfig: { nameservers: ["192.0.2.1"], searches: ["a.b"] },
  };
  expect(podResolvConf(spec, pod)).toBe("search a.b\nnameserver 192.0.2.1\n");
  expect(podHostname({ ...aVmi(), metadata: { name: "web.example", namespace: "ns" } })).toBe("web");
});
