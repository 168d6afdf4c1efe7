/** What is found in a cluster by what was seen of it: the cases beside those that test/api/doctor.test.ts makes. */
import { releasedGrants, releasedPlugins, releasedRegistrations } from "@netbind/bindings";
import type { ApiObject } from "@netbind/kube";
import { expect, test } from "vitest";
import { checkAgents } from "../../../core/cli/src/cluster/checks/check-agents.ts";
import { checkBindings } from "../../../core/cli/src/cluster/checks/check-bindings.ts";
import { checkController } from "../../../core/cli/src/cluster/checks/check-controller.ts";
import { checkKubevirt } from "../../../core/cli/src/cluster/checks/check-kubevirt.ts";
import { checkNetworks } from "../../../core/cli/src/cluster/checks/check-networks.ts";
import { checkOperator, checkRegistrations } from "../../../core/cli/src/cluster/checks/check-registrations.ts";
import type { ClusterFacts, SeenVmi } from "../../../core/cli/src/cluster/facts.ts";
import { hyperConvergedRegistry, kubevirtRegistry } from "../../../core/cli/src/cluster/registry.ts";
import { HYPERCONVERGEDS } from "../../../core/cli/src/cluster/resources.ts";

const RELEASED = { plugins: releasedPlugins(), registrations: releasedRegistrations(), grants: releasedGrants() };
const seen = <T>(...objects: readonly T[]): { readonly seen: readonly T[] } => ({ seen: objects });
const object = (value: object): ApiObject => value as ApiObject;
const NOW = Date.parse("2026-11-30T12:00:00Z");

const kubevirt = (binding: object = {}, version = "v1.9.0", conditions: readonly object[] = []): ApiObject =>
  object({
    metadata: { name: "kubevirt", namespace: "kubevirt" },
    spec: { configuration: { network: { binding } } },
    status: { observedKubeVirtVersion: version, conditions },
  });

const registering = (binding: object): Partial<ClusterFacts> => {
  const cr = kubevirt(binding);
  return { kubevirt: cr, registry: kubevirtRegistry(cr) };
};

const facts = (changes: Partial<ClusterFacts>): ClusterFacts => ({
  ...registering({}),
  ...{ kubevirt: kubevirt(), isKubevirtKnown: true, registry: undefined, operator: undefined },
  ...{ operatorRegistry: undefined, overwritten: [], bindings: seen(), nodes: seen(), agents: seen() },
  ...{ daemonSets: seen(), controllers: seen(), leases: seen(), webhooks: { validating: seen(), mutating: seen() } },
  ...{ plugins: seen(), definitions: seen(), vmis: seen(), pending: seen(), said: seen(), namespaces: [] },
  ...changes,
});

const meta = (name: string, more: object = {}): object => ({ metadata: { name, namespace: "netbind", ...more } });
const set = (name: string, ready = 1): ApiObject =>
  object({ ...meta(name), status: { numberReady: ready, desiredNumberScheduled: 1 } });
const agent = (node: string, image: string, status: object = {}): ApiObject =>
  object({
    ...meta(`agent-${node}`),
    spec: { nodeName: node, containers: [{ image }] },
    status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }], ...status },
  });
const deployment = (readyReplicas: number): ApiObject =>
  object({ ...meta("netbind-controller"), spec: { replicas: 2 }, status: { readyReplicas } });
const lease = object({
  ...meta("netbind-controller"),
  spec: { renewTime: "2026-11-30T11:59:58.000000Z", leaseDurationSeconds: 15 },
});
const binding = (observedGeneration: number, spec: object = {}): ApiObject =>
  object({
    metadata: { name: "passt", generation: 2 },
    spec,
    status: { conditions: [{ type: "Ready", status: "True", reason: "Ready", observedGeneration }] },
  });
const vmi = (more: Partial<SeenVmi>): SeenVmi => ({
  ...{ name: "web/vm", uid: "u", phase: "Running", bindings: [], definitions: [], isByMultus: false },
  ...more,
});
const pulling = {
  conditions: [],
  containerStatuses: [{ name: "agent", image: "a:1", state: { waiting: { reason: "ErrImagePull", message: "no" } } }],
};
const restricted = object({
  metadata: { name: "netbind", labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
});
const operated = (ours: object, theirs: object): Partial<ClusterFacts> => {
  const operator = object({ metadata: { name: "hco", namespace: "kubevirt" }, spec: { networkBinding: theirs } });
  return { ...registering(ours), operatorRegistry: hyperConvergedRegistry(operator, HYPERCONVERGEDS) };
};
const TAP = { domainAttachmentType: "tap" };
const MASQUERADE = { ...TAP, sidecarImage: "m", migration: {} };

/** What is found, as severity and code. */
const found = (changes: Partial<ClusterFacts>): readonly string[] => {
  const all = facts(changes);
  return [
    ...checkKubevirt(all),
    ...checkRegistrations(all, RELEASED),
    ...checkOperator(all),
    ...checkBindings(all, RELEASED),
    ...checkController(all, NOW),
    ...checkNetworks(all),
    ...(all.daemonSets === NOT_ASKED ? [] : checkAgents(all)),
  ].map(({ severity, code }) => `${severity} ${code}`);
};
/** Where the agent is not what a case is about. */
const NOT_ASKED = { unknown: "", error: new Error("x") as never };
const of = (changes: Partial<ClusterFacts>): Partial<ClusterFacts> => ({ daemonSets: NOT_ASKED, ...changes });

const CASES: Readonly<Record<string, readonly [Partial<ClusterFacts>, readonly string[]]>> = {
  "nothing of Netbind": [of({}), []],
  "no KubeVirt": [of({ kubevirt: undefined }), ["error KUBEVIRT_MISSING"]],
  "a KubeVirt that nobody may look at": [of({ kubevirt: undefined, isKubevirtKnown: false }), []],
  "a newer KubeVirt": [of({ kubevirt: kubevirt({}, "v1.12.0") }), ["warning KUBEVIRT_NEWER"]],
  "a KubeVirt that is down": [
    of({ kubevirt: kubevirt({}, "v1.9.0", [{ type: "Available", status: "False", reason: "Deploying" }]) }),
    ["error KUBEVIRT_NOT_READY"],
  ],
  "a sidecar without its image": [
    of(registering({ masquerade: { ...TAP, migration: {} } })),
    ["error REGISTRATION_IMAGE"],
  ],
  "an empty registration of another's": [of(registering({ lan: {} })), ["error REGISTRATION_IMAGE"]],
  "two that wire one NIC": [
    of(registering({ lan: { sidecarImage: "l", domainAttachmentType: "managedTap" } })),
    ["error REGISTRATION_ATTACHMENT"],
  ],
  "a NIC that KubeVirt wires alone": [of(registering({ lan: { domainAttachmentType: "managedTap" } })), []],
  "passt without memory": [
    of(registering({ passt: { sidecarImage: "p", migration: {} } })),
    ["error REGISTRATION_MISMATCH"],
  ],
  "slirp that is said to migrate": [
    of(registering({ slirp: { sidecarImage: "s", migration: {} } })),
    ["error REGISTRATION_MISMATCH"],
  ],
  "a registration's network that is not there": [
    of({
      ...registering({ lan: { ...TAP, networkAttachmentDefinition: "web/lan" } }),
      vmis: seen(vmi({ isByMultus: true })),
    }),
    ["error NETWORK_MISSING"],
  ],
  "an operator that copies": [of(operated({ masquerade: MASQUERADE }, { masquerade: MASQUERADE })), []],
  "an operator that has not copied": [of(operated({}, { masquerade: MASQUERADE })), ["error HYPERCONVERGED_BEHIND"]],
  "conditions of an older generation": [
    of({ bindings: seen(binding(1)), controllers: seen(deployment(2)), leases: seen(lease) }),
    ["error BINDING_NOT_SEEN"],
  ],
  "no controller beside NetworkBindings": [of({ bindings: seen(binding(2)) }), ["error CONTROLLER_MISSING"]],
  "a controller without a replica": [of({ controllers: seen(deployment(0)) }), ["error CONTROLLER_NOT_READY"]],
  "a controller with one of two": [
    of({ controllers: seen(deployment(1)), leases: seen(lease) }),
    ["warning CONTROLLER_NOT_READY"],
  ],
  "a VM without its definition": [
    of({ definitions: seen("web/b"), vmis: seen(vmi({ definitions: ["web/a"], isByMultus: true })) }),
    ["error NETWORK_MISSING"],
  ],
  "no definitions at all, and nobody who needs any": [of({ definitions: { absent: true } }), []],
  "no definitions at all": [
    of({ definitions: { absent: true }, vmis: seen(vmi({ definitions: ["web/a"] })) }),
    ["error MULTUS_MISSING"],
  ],
  "multus on some nodes": [{ daemonSets: seen(set("netbind-agent"), set("multus", 0)) }, ["warning MULTUS_NOT_READY"]],
  "no agent": [{}, ["error AGENT_DAEMON_SET_MISSING"]],
  "an agent that the namespace refuses": [
    { daemonSets: seen(set("netbind-agent")), namespaces: [restricted] },
    ["error AGENT_POD_SECURITY"],
  ],
  "an agent whose image is not there": [
    { daemonSets: seen(set("netbind-agent")), nodes: seen("n"), agents: seen(agent("n", "a:1", pulling)) },
    ["error IMAGE_NOT_PULLED"],
  ],
  "an agent that is not ready": [
    { daemonSets: seen(set("netbind-agent")), agents: seen(agent("n", "a:1", { conditions: [] })) },
    ["error AGENT_NOT_READY"],
  ],
  "two versions of the agent": [
    { daemonSets: seen(set("netbind-agent")), agents: seen(agent("n", "a:1"), agent("m", "a:2")) },
    ["warning AGENT_VERSIONS"],
  ],
};

test.each(Object.entries(CASES))("%s", (_, [changes, expected]) => {
  expect(found(changes)).toEqual(expected);
});
