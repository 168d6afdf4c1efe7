import { releasedGrants } from "@netbind/bindings";
import { decideVmi } from "@netbind/engine";
import masquerade from "@netbind/plugin-masquerade";
import { expect, test } from "vitest";
import { aVmi } from "../../support/cases/a-vmi.ts";

const FALLBACK = { policy: "Always", table: { masquerade: { image: "netbind/masquerade:1" } } } as const;

test("a decision: needs of the binding in the pod, one sidecar for each distinct binding", async () => {
  const { decision } = await decideVmi({
    vmi: aVmi({ nics: [{ ports: [{ port: 80, name: "http" }] }] }),
    configuration: { imagePullPolicy: "Never" },
    fallback: FALLBACK,
    bindings: new Map([["masquerade", masquerade]]),
    grants: releasedGrants(),
  });
  expect(decision?.pod.metadata.annotations).toMatchObject({ "istio.io/reroute-virtual-interfaces": "k6t-eth0" });
  expect(decision?.pod.spec.containers.map(({ name }) => name)).toEqual(["compute", "hook-sidecar-0"]);
  expect(decision?.pod.spec.containers[1]).toMatchObject({
    image: "netbind/masquerade:1",
    imagePullPolicy: "Never",
    securityContext: { runAsUser: 107, capabilities: { drop: ["ALL"] } },
  });
  expect(decision?.nics[0]).toMatchObject({
    binding: "masquerade",
    names: { tap: "tap0" },
    spec: { ports: [{ port: 80, protocol: "TCP", name: "http" }] },
  });
});
