import { releasedGrants } from "@netbind/bindings";
import type { Attachment, Plan, PodLink } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import { attachVmi, decideVmi, type Host, plannerOf } from "@netbind/engine";
import masquerade from "@netbind/plugin-masquerade";
import { expect, test } from "vitest";

/** A host that only remembers what it was asked, in order; the real one is tested with real guests. */
function rememberingHost(facts: Map<string, unknown>): { readonly host: Host; readonly calls: string[] } {
  const calls: string[] = [];
  const saying = <T>(call: string, value: T): T => {
    calls.push(call);
    return value;
  };
  const host: Host = {
    preparePod: async () => saying("pod", { resolvConf: anAttachment().resolvConf, hostname: "vm" }),
    network: {
      recordOnce: async <T>(nic: string, fact: string, find: () => Promise<T>): Promise<T> => {
        const key = `${nic}/${fact}`;
        if (!facts.has(key)) facts.set(key, await find());
        return facts.get(key) as T;
      },
      observe: async ({ pod }): Promise<PodLink> => saying("observe", { ...anAttachment().pod, name: pod }),
      apply: async () => void calls.push("apply"),
      startServices: async () => void calls.push("services"),
    },
    planner: () => ({ plan: async (attachment) => saying("plan", plannerOf(masquerade).plan(attachment)) }),
    attach: async (binding, nics) => void calls.push(`attach ${binding} ${nics.length}`),
  };
  return { host, calls };
}

const decided = await decideVmi({
  vmi: {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: { name: "vm", namespace: "ns" },
    spec: {
      domain: { devices: { interfaces: [{ name: "red", masquerade: {} }] } },
      networks: [{ name: "red", pod: {} }],
    },
  },
  configuration: {},
  fallback: { policy: "Always", table: { masquerade: { image: "m" } } },
  bindings: new Map([["masquerade", masquerade]]),
  grants: releasedGrants(),
});

test("the steps come in the design's order, and a second run plans from the record", async () => {
  if (decided.decision === undefined) throw new Error("the VM was refused");
  const facts = new Map<string, unknown>();
  const first = rememberingHost(facts);
  const [nic] = await attachVmi(first.host, decided.decision);
  expect(first.calls).toEqual(["pod", "observe", "plan", "apply", "services", "attach masquerade 1"]);
  expect(nic?.plan).toEqual(facts.get("red/plan"));
  const second = rememberingHost(facts);
  await attachVmi(second.host, decided.decision);
  expect(second.calls).toEqual(["pod", "apply", "services", "attach masquerade 1"]);
});

test("a plan out of bounds is refused before anything is applied", async () => {
  if (decided.decision === undefined) throw new Error("the VM was refused");
  const { host, calls } = rememberingHost(new Map());
  const hostile: Host = {
    ...host,
    planner: () => ({
      plan: async () => ({
        network: { links: [], sysctls: [{ key: "kernel.core_pattern", value: "1" }] },
        domain: { kind: "tap" },
      }),
    }),
  };
  await expect(attachVmi(hostile, decided.decision)).rejects.toMatchObject({ code: "PLAN_OUT_OF_BOUNDS" });
  expect(calls).toEqual(["pod", "observe"]);
  const throwing: Host = {
    ...host,
    planner: () => ({
      plan: async () => {
        throw new TypeError("boom");
      },
    }),
  };
  await expect(attachVmi(throwing, decided.decision)).rejects.toMatchObject({
    code: "PLUGIN_FAILED",
    message: expect.stringMatching(/"masquerade" failed to plan NIC "red": boom/),
  });
});

test("a NIC's plan is held against those that the pod's NICs before it have, also where theirs come from the record", async () => {
  if (decided.decision === undefined) throw new Error("the VM was refused");
  const [nic] = decided.decision.nics;
  if (nic === undefined) throw new Error("the VM has no NIC");
  const names = { pod: "podb", tap: "tapb", bridge: "k6t-b", adopted: "b-nic" };
  const blue = {
    ...nic,
    index: 1,
    names,
    spec: { ...nic.spec, name: "blue", network: { kind: "multus", networkName: "b", default: false } },
  } as const;
  const two = { ...decided.decision, nics: [nic, blue] };
  const facts = new Map<string, unknown>();
  const planned = (value: string) => ({
    plan: async (attachment: Attachment): Promise<Plan> =>
      attachment.name === "red"
        ? masquerade.plan(attachment)
        : { network: { links: [], sysctls: [{ key: "net.ipv4.ip_forward", value }] }, domain: { kind: "tap" } },
  });
  const observe = async ({ pod, tap }: { pod: string; tap: string }): Promise<PodLink> =>
    pod === "podb"
      ? { ...anAttachment().pod, name: pod, addresses: [], routes: [], tap }
      : { ...anAttachment().pod, name: pod };
  const { host, calls } = rememberingHost(facts);
  for (const again of [false, true]) {
    const contradicting: Host = { ...host, network: { ...host.network, observe }, planner: () => planned("0") };
    await expect(attachVmi(contradicting, two), String(again)).rejects.toThrow(
      expect.objectContaining({
        code: "PLAN_OUT_OF_BOUNDS",
        message: expect.stringContaining('contradicts "1" of NIC "red"') as string,
      }),
    );
    expect(facts.has("red/plan")).toBe(true);
    expect(facts.has("blue/plan")).toBe(false);
  }
  expect(calls.filter((call) => call === "apply")).toHaveLength(2);
  const agreeing: Host = { ...host, network: { ...host.network, observe }, planner: () => planned("1") };
  expect((await attachVmi(agreeing, two)).map(({ attachment }) => attachment.name)).toEqual(["red", "blue"]);
});
