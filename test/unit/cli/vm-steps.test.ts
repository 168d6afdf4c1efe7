/** The way of a VM as KubeVirt's own controllers leave it, judged by the doctor. */
import { releasedGrants, releasedPlugins, releasedRegistrations } from "@netbind/bindings";
import type { ApiObject } from "@netbind/kube";
import { describe, expect, test } from "vitest";
import { readEvent } from "../../../core/cli/src/cluster/agent-events.ts";
import { STEPS } from "../../../core/cli/src/cluster/vm/steps.ts";
import type { VmFacts } from "../../../core/cli/src/cluster/vm/vm-facts.ts";
import { momentsOf } from "../../support/cluster/traces.ts";

type Json = Readonly<Record<string, unknown>>;

const RELEASED = { plugins: releasedPlugins(), registrations: releasedRegistrations(), grants: releasedGrants() };
const KUBEVIRT = {
  metadata: { name: "kubevirt", namespace: "kubevirt" },
  spec: {
    configuration: {
      network: { binding: { masquerade: { sidecarImage: "m", domainAttachmentType: "tap", migration: {} } } },
    },
  },
  status: { observedKubeVirtVersion: "v1.9.0" },
};

const agentOn = (node: string): object => ({
  metadata: { name: "netbind-agent-x", namespace: "netbind" },
  spec: { nodeName: node, containers: [] },
  status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
});

/** What a trace has of its VM at the first moment at which it is in a phase, and a moment longer. */
function factsAt(folder: string, scenario: string, phase: string, hasAgent: boolean): VmFacts {
  const last = new Map<string, Json>();
  const events: Json[] = [];
  for (const { kind, object } of momentsOf(folder, scenario)) {
    if (kind === "Event") events.push(object as unknown as Json);
    else last.set(kind, object as unknown as Json);
    const status = last.get("VirtualMachineInstance")?.["status"] as { readonly phase?: string } | undefined;
    if (kind === "Event" && status?.phase === phase) break;
    if (kind === "VirtualMachineInstance" && status?.phase === phase && phase !== "Failed") break;
  }
  const [vmi, pod] = [last.get("VirtualMachineInstance"), last.get("Pod")] as unknown as [ApiObject, ApiObject];
  const { nodeName } = pod["spec"] as { readonly nodeName: string };
  return {
    ...{
      vm: undefined,
      vmi,
      template: vmi,
      pod,
      definitions: new Map(),
      registry: undefined,
      operatorRegistry: undefined,
    },
    ...{ kubevirt: KUBEVIRT as unknown as ApiObject, isKubevirtKnown: true, unknown: { pods: false, events: false } },
    agents: { seen: hasAgent ? [agentOn(nodeName) as ApiObject] : [] },
    events: events.map(readEvent).reverse(),
  };
}

/** The states of the steps, each judged for itself, and the codes of what is found. */
function judged(facts: VmFacts): { readonly states: readonly string[]; readonly codes: readonly string[] } {
  const outcomes = STEPS.map(([, judge]) =>
    judge({ facts, released: RELEASED, now: Date.parse("2026-11-29T23:00:00Z") }),
  );
  const at = outcomes.findIndex(({ state }) => state === "failed" || state === "waits");
  const reached = at === -1 ? outcomes : outcomes.slice(0, at + 1);
  return {
    states: reached.map(({ state }) => state),
    codes: reached.flatMap(({ findings = [] }) => findings.map(({ code }) => code)),
  };
}

const folder = process.env["NETBIND_TRACES"] ?? "";
if (folder === "") console.log("skipped: NETBIND_TRACES names no folder with traces of KubeVirt's own");

describe.skipIf(folder === "")("a VM of KubeVirt's own", () => {
  const OK = ["ok", "ok", "ok", "ok"];

  test("whose node has no agent, while it waits", () => {
    const found = judged(factsAt(folder, "never-agent", "Scheduled", false));
    expect(found).toEqual({ states: [...OK, "failed"], codes: ["AGENT_MISSING"] });
  });

  test("that waits for an agent that is there", () => {
    const found = judged(factsAt(folder, "never-agent", "Scheduled", true));
    expect(found).toEqual({ states: [...OK, "ok", "waits"], codes: ["ATTACH_WAITING"] });
  });

  test("that KubeVirt gave up after three minutes", () => {
    const found = judged(factsAt(folder, "never-agent", "Failed", true));
    expect(found).toEqual({ states: [...OK, "ok", "failed"], codes: ["ATTACH_TIMED_OUT"] });
  });

  test("that runs", () => {
    const found = judged(factsAt(folder, "start-masquerade", "Running", true));
    expect(found).toEqual({ states: [...OK, "ok", "ok", "ok"], codes: [] });
  });

  test("without a plugin, where nobody needs an agent", () => {
    const found = judged(factsAt(folder, "start-core-masquerade", "Running", false));
    expect(found).toEqual({ states: [...OK, "ok", "ok", "ok"], codes: [] });
  });
});
