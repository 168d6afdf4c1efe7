/** What is added to launcher pods: what sidecars need, in pods as KubeVirt makes them. */
import { existsSync, readFileSync } from "node:fs";
import { type NewPod, planPodPatch, qosClassOf } from "@netbind/controller";
import type { KubevirtConfiguration } from "@netbind/kubevirt";
import { expect, test } from "vitest";
import { applyJsonPatch } from "../../../core/kubevirt/src/values/json-patch.ts";

type PodGifts = Parameters<typeof planPodPatch>[1];
type Resources = { readonly requests?: object; readonly limits?: object };

const needsOf = (sidecars: PodGifts["sidecars"], more: Partial<PodGifts> = {}): PodGifts => ({
  ...{ sidecars, devices: new Map(), annotations: new Map() },
  ...more,
});
const NEEDS = needsOf(new Map([["acme", { memoryBytes: 100_000_000, cpuMillis: 50 }]]));
const container = (name: string, resources: Resources, binding?: string): NewPod["spec"]["containers"][number] => ({
  ...({ name } as object),
  resources: resources as object,
  ...(name === "compute" || binding !== undefined ? { volumeMounts: [{ name: "hook-sidecar-sockets" }] } : {}),
  ...(binding === undefined ? {} : { env: [{ name: "NETWORK_BINDING_PLUGIN_NAME", value: binding }] }),
});
const podOf = (compute: Resources, sidecar: Resources, first: Resources[] = []): NewPod => ({
  spec: {
    containers: [container("compute", compute), container("hook-sidecar-0", sidecar, "acme")],
    initContainers: first.map((resources) => container("first", resources)),
  },
});

const classOf = ({ spec: { containers, initContainers = [] } }: NewPod): string =>
  qosClassOf([...containers, ...initContainers].map(({ resources = {} }) => resources));

/** The sidecar's resources after the patch; nothing else is changed, and a second look changes nothing. */
function patched(pod: NewPod, configuration: KubevirtConfiguration = {}, needs = NEEDS): Resources | undefined {
  const { patch, warnings } = planPodPatch(pod, needs, configuration);
  expect(warnings).toEqual([]);
  const result = applyJsonPatch(pod, JSON.stringify(patch));
  if ("problem" in result) throw new Error(result.problem);
  const after = result.document as NewPod;
  expect(classOf(after)).toBe(classOf(pod));
  expect(planPodPatch(after, needs, configuration).patch).toEqual([]);
  const [, sidecar] = after.spec.containers;
  expect({ ...after.spec, containers: [after.spec.containers[0], { ...sidecar, resources: {} }] }).toEqual({
    ...pod.spec,
    containers: [pod.spec.containers[0], { ...pod.spec.containers[1], resources: {} }],
  });
  return sidecar?.resources as Resources | undefined;
}

const BURSTABLE = { requests: { cpu: "100m", memory: "426240Ki" } };
const both = (cpu: string, memory: string): Resources => ({ requests: { cpu, memory }, limits: { cpu, memory } });
const NEEDED = { cpu: "50m", memory: "100000000" };

test.each<readonly [string, Resources, Resources]>([
  ["nothing", {}, { requests: NEEDED }],
  ["less", { requests: { cpu: "10m", memory: "1Mi" } }, { requests: NEEDED }],
  ["more", { requests: { cpu: "1", memory: "1Gi" } }, { requests: { cpu: "1", memory: "1Gi" } }],
  ["a lower limit", { limits: { memory: "64M" } }, { requests: NEEDED, limits: { memory: "100000000" } }],
  [
    "a higher limit",
    { requests: { memory: "64M" }, limits: { memory: "1G" } },
    { requests: NEEDED, limits: { memory: "1G" } },
  ],
])("a sidecar of a burstable pod with %s", (_, given, becomes) => {
  expect(patched(podOf(BURSTABLE, given))).toEqual(becomes);
});

test("a pod with all limits keeps its class: requests and limits are raised together", () => {
  const pod = podOf(both("1", "528640Ki"), both("200m", "64M"));
  expect(classOf(pod)).toBe("Guaranteed");
  expect(patched(pod)).toEqual(both("200m", "100000000"));
});

test("what a KubeVirt CR gives sidecars is an administrator's, each resource by itself", () => {
  const supportContainerResources = [{ type: "sidecar", resources: { limits: { memory: "64M" } } }];
  const given = { limits: { memory: "64M" }, requests: { memory: "64M" } };
  expect(patched(podOf(BURSTABLE, given), { supportContainerResources })).toEqual({
    limits: { memory: "64M" },
    requests: { memory: "64M", cpu: "50m" },
  });
  const others = [{ type: "virtiofs", resources: { limits: { memory: "64M" } } }];
  expect(patched(podOf(BURSTABLE, given), { supportContainerResources: others })?.limits).toEqual({
    memory: "100000000",
  });
});

test.each<readonly [string, NewPod]>([
  ["one without any requests", podOf({}, {})],
  ["one that would have all limits", podOf(both("1", "1Gi"), { ...both("50m", "100000000"), requests: { cpu: "1m" } })],
])("a pod whose class would change is left as it is, with a warning: %s", (_, pod) => {
  const { patch, warnings } = planPodPatch(pod, NEEDS, {});
  expect(patch).toEqual([]);
  expect(warnings.join()).toMatch(/the pod's class would be/);
});

test("a sidecar whose binding needs nothing, a user's sidecar and the launcher are left as they are", () => {
  const pod = {
    spec: {
      containers: [
        { ...container("compute", BURSTABLE), env: [{ name: "NETWORK_BINDING_PLUGIN_NAME", value: "acme" }] },
        container("hook-sidecar-0", {}, "passt"),
        { ...container("hook-sidecar-1", {}), volumeMounts: [{ name: "hook-sidecar-sockets" }] },
        { ...container("other", {}), env: [{ name: "NETWORK_BINDING_PLUGIN_NAME", value: "acme" }] },
      ],
    },
  };
  expect(planPodPatch(pod, NEEDS, {})).toEqual({ patch: [], warnings: [] });
});

test("before 1.9 a sidecar is found by its registered image", () => {
  const pod = podOf(BURSTABLE, {});
  const [compute, sidecar] = pod.spec.containers;
  const { env: _, ...unnamed } = { ...sidecar, image: "example.com/acme:1" };
  const old = { spec: { containers: [compute, unnamed] } } as NewPod;
  const binding = { acme: { sidecarImage: "example.com/acme:1" } };
  expect(patched(old, { network: { binding } })).toEqual({ requests: NEEDED });
});

test.each<readonly [string, readonly Resources[]]>([
  ["BestEffort", [{}, { requests: { "example.com/device": "1" } }, { requests: { cpu: "0" } }]],
  ["Burstable", [{}, { requests: { cpu: "1m" } }]],
  ["Burstable", [both("1", "1Gi"), {}]],
  ["Burstable", [{ ...both("1", "1Gi"), requests: { cpu: "500m" } }]],
  ["Guaranteed", [both("1", "1Gi"), { limits: { cpu: "200m", memory: "64M" } }]],
  ["Guaranteed", [{ requests: { cpu: "1000m", memory: "1024Mi" }, limits: { cpu: "1", memory: "1Gi" } }]],
])("the class %s of %j", (name, all) => expect(qosClassOf(all as Parameters<typeof qosClassOf>[0])).toBe(name));

const FOLDER = process.env["NETBIND_LAUNCHER_PODS"];
const FILE = `${FOLDER}/pods.jsonl`;

interface Given {
  readonly id: string;
  readonly input: {
    readonly vmi: { readonly spec: { readonly domain: { readonly devices: { readonly interfaces: readonly Nic[] } } } };
    readonly kubevirtConfig: KubevirtConfiguration;
  };
  readonly result: { readonly pod: NewPod };
}
interface Nic {
  readonly binding?: { readonly name: string };
}

test.runIf(FOLDER !== undefined && existsSync(FILE))("pods that KubeVirt's own program made keep their class", () => {
  const lines = readFileSync(FILE, "utf8").split("\n").filter(Boolean);
  let changed = 0;
  for (const line of lines) {
    const { id, input, result } = JSON.parse(line) as Given;
    const names = input.vmi.spec.domain.devices.interfaces.flatMap(({ binding }) => binding?.name ?? []);
    const sidecars = new Map(names.map((name) => [name, { memoryBytes: 100_000_000 }]));
    const needs = needsOf(sidecars, { devices: new Map([["example.com/nic", 1]]) });
    const { patch, warnings } = planPodPatch(result.pod, needs, input.kubevirtConfig);
    expect(warnings, id).toEqual([]);
    changed += patch.filter(({ path }) => !path.startsWith("/spec/containers/0/")).length;
    expect(resourcesOf(patch, 0), id).toMatchObject({ requests: NIC, limits: NIC });
    const after = applyJsonPatch(result.pod, JSON.stringify(patch)) as { document: NewPod };
    expect(classOf(after.document), id).toBe(classOf(result.pod));
  }
  expect(changed).toBeGreaterThan(5);
});

const NIC = { "example.com/nic": "1" };
/** What a patch makes of a container's resources. */
const resourcesOf = (patch: ReturnType<typeof planPodPatch>["patch"], container: number): unknown =>
  patch.find(({ path }) => path === `/spec/containers/${container}/resources`)?.value;

test.each<readonly [string, Resources, Resources | undefined]>([
  ["none", BURSTABLE, { requests: { ...BURSTABLE.requests, ...NIC }, limits: NIC }],
  ["enough", { limits: { "example.com/nic": "2" } }, undefined],
  ["others", { limits: { "example.com/gpu": 1 } }, { requests: NIC, limits: { "example.com/gpu": 1, ...NIC } }],
  ["none of it", { limits: { "example.com/nic": "0" } }, { requests: NIC, limits: NIC }],
])(
  "a pod with %s of the devices that are needed: the compute container has them, as request and limit",
  (_, given, becomes) => {
    const devices = new Map([["example.com/nic", 1]]);
    const pod = podOf(given, {});
    const { patch, warnings } = planPodPatch(pod, needsOf(new Map(), { devices }), {});
    expect(warnings).toEqual([]);
    expect(resourcesOf(patch, 0)).toEqual(becomes);
    expect(resourcesOf(patch, 1)).toBeUndefined();
  },
);

test("devices are added also where a sidecar gets nothing, for the sake of the pod's class", () => {
  const { patch, warnings } = planPodPatch(podOf({}, {}), { ...NEEDS, devices: new Map([["example.com/nic", 1]]) }, {});
  expect(warnings.join()).toMatch(/the pod's class would be/);
  expect(patch).toEqual([{ op: "add", path: "/spec/containers/0/resources", value: { requests: NIC, limits: NIC } }]);
});

test("annotations are added; one that the pod has stays as it is, with a warning where its value is another", () => {
  const annotations = new Map([
    ["example.com/asked", "yes"],
    ["a", "1"],
    ["b", "2"],
  ]);
  const add = (path: string, value: unknown): object => ({ op: "add", path: `/metadata/annotations${path}`, value });
  const planned = (metadata?: object): ReturnType<typeof planPodPatch> =>
    planPodPatch(
      { ...podOf({}, {}), ...(metadata && { metadata }) } as NewPod,
      needsOf(new Map(), { annotations }),
      {},
    );
  expect(planned({ annotations: { a: "1", b: "3" } })).toEqual({
    patch: [add("/example.com~1asked", "yes")],
    warnings: ['metadata.annotations: b stays "3", where a binding needs "2"'],
  });
  const all = Object.fromEntries(annotations);
  expect(planned({})).toEqual({ patch: [add("", all)], warnings: [] });
  expect(planned({ annotations: all })).toEqual({ patch: [], warnings: [] });
});
