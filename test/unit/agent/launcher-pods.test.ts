import { type ClusterSnapshot, readObjects } from "@netbind/kube";
import { findLauncherPods, mountSource } from "@netbind/agent";
import { expect, test } from "vitest";
import {
  CONFIGURATION,
  type KubeObject,
  kubevirtObject,
  launcherPod,
  vmiObject,
} from "../../support/kube/kube-objects.ts";

const UID = "11111111-2222-3333-4444-555555555555";
const NICS = [{ name: "red", binding: "masquerade" }];

function snapshot(change: (pod: KubeObject, vmi: KubeObject) => void = () => undefined): ClusterSnapshot {
  const pod = launcherPod({ uid: UID, name: "virt-launcher-vm-x", vm: "vm", node: "node-1", nics: NICS });
  const vmi: KubeObject = { ...vmiObject("vm", NICS), status: { activePods: { [UID]: "node-1" } } };
  change(pod, vmi);
  return readObjects([kubevirtObject(), pod, vmi]);
}

const spec = (
  pod: KubeObject,
): {
  hostNetwork?: boolean;
  containers: { name: string; securityContext?: { runAsUser?: number }; env?: object[]; image?: string }[];
} => pod["spec"] as never;
const metadata = (
  pod: KubeObject,
): { labels: Record<string, string>; ownerReferences: { kind: string; uid: string; controller?: boolean }[] } =>
  pod["metadata"] as never;
const reasons = (found: ClusterSnapshot, node = "node-1"): readonly string[] =>
  findLauncherPods(found, node).flatMap(({ distrust }) => distrust.map(({ reason }) => reason));

test("a launcher pod of the node, with the sidecars of its bindings", () => {
  const [found] = findLauncherPods(snapshot(), "node-1");
  expect(found?.distrust).toEqual([]);
  const registration = CONFIGURATION.network?.binding?.["masquerade"];
  expect(found?.sidecars).toEqual([
    { container: "hook-sidecar-0", directory: "hook-sidecar-0", binding: "masquerade", onTap: true, registration },
  ]);
  expect(findLauncherPods(snapshot(), "node-2")).toEqual([]);
  expect(
    findLauncherPods(
      snapshot((pod) => Object.assign(metadata(pod), { labels: {} })),
      "node-1",
    ),
  ).toEqual([]);
  expect(
    findLauncherPods(
      snapshot((pod) => Object.assign(pod, { status: { phase: "Succeeded" } })),
      "node-1",
    ),
  ).toEqual([]);
});

test("the sidecars of a pod are told apart by their binding, in whatever order virt-controller numbered them", () => {
  const nics = [
    { name: "red", binding: "masquerade" },
    { name: "blue", binding: "bridge" },
  ];
  for (const turned of [false, true]) {
    const pod = launcherPod({ uid: UID, name: "virt-launcher-vm-x", vm: "vm", node: "node-1", nics });
    const sidecars = spec(pod).containers.filter(({ name }) => name.startsWith("hook-sidecar-"));
    const reported = sidecars.map(({ env, image }) => ({ env, image }));
    for (const [at, container] of sidecars.entries()) Object.assign(container, reported[turned ? 1 - at : at]);
    const [found] = findLauncherPods(readObjects([kubevirtObject(), pod]), "node-1");
    const bindings = turned ? ["masquerade", "bridge"] : ["bridge", "masquerade"];
    expect(found?.sidecars.map(({ directory, binding }) => [directory, binding])).toEqual(
      bindings.map((binding, at) => [`hook-sidecar-${at}`, binding]),
    );
  }
});

test("before KubeVirt 1.9 a sidecar's binding is told by its image", () => {
  const [found] = findLauncherPods(
    snapshot((pod) => {
      for (const container of spec(pod).containers) Object.assign(container, { env: [] });
    }),
    "node-1",
  );
  expect(found?.sidecars.map(({ binding }) => binding)).toEqual(["masquerade"]);
});

test.each<[string, (pod: KubeObject, vmi: KubeObject) => void]>([
  ["POD_NOT_CONTROLLED", (pod) => (metadata(pod).ownerReferences = [])],
  ["POD_NOT_CONTROLLED", (pod) => Object.assign(metadata(pod).ownerReferences[0] ?? {}, { kind: "ReplicaSet" })],
  ["POD_NOT_CONTROLLED", (pod) => Object.assign(metadata(pod).ownerReferences[0] ?? {}, { controller: false })],
  ["VMI_MISSING", (pod) => Object.assign(metadata(pod).ownerReferences[0] ?? {}, { uid: "another" })],
  ["VMI_MISSING", (_, vmi) => Object.assign(vmi["metadata"] as object, { namespace: "elsewhere" })],
  ["POD_NOT_ACTIVE", (_, vmi) => Object.assign(vmi, { status: {} })],
  ["POD_NOT_ACTIVE", (_, vmi) => Object.assign(vmi, { status: { activePods: { [UID]: "node-2" } } })],
  ["POD_ON_HOST_NETWORK", (pod) => (spec(pod).hostNetwork = true)],
  [
    "POD_USER",
    (pod) =>
      Object.assign(spec(pod).containers.find(({ name }) => name === "compute")?.securityContext ?? {}, {
        runAsUser: 0,
      }),
  ],
])("%s speaks against acting on a pod", (reason, change) => expect(reasons(snapshot(change))).toEqual([reason]));

test("a mesh's proxy has a user of its own, and that is nobody's concern", () => {
  const proxied = snapshot((pod) =>
    spec(pod).containers.push({ name: "istio-proxy", securityContext: { runAsUser: 1337 } }),
  );
  expect(reasons(proxied)).toEqual([]);
});

test.each<readonly [string, (pod: KubeObject, vmi: KubeObject) => void, object]>([
  ["a pod", (pod) => Object.assign(pod, { metadata: { name: "x", uid: "u" } }), { what: "Pod x", uid: "u" }],
  ["a pod without a name", (pod) => Object.assign(pod, { metadata: 7 }), { what: "Pod " }],
  ["a VMI", (_, vmi) => Object.assign(vmi, { spec: {} }), { what: "VirtualMachineInstance default/vm", uid: "vmi-vm" }],
  [
    "a VMI's status",
    (_, vmi) => Object.assign(vmi, { status: { activePods: [] } }),
    { what: "VirtualMachineInstance default/vm" },
  ],
])("%s that does not have the API's form is left out, told, and costs no other object", (_, change, reported) => {
  const other = launcherPod({ uid: "other", name: "virt-launcher-other", vm: "other", node: "node-1", nics: NICS });
  const broken = snapshot(change);
  const all = readObjects([...broken.pods, ...broken.vmis, kubevirtObject(), other, vmiObject("other", NICS)]);
  expect(broken.unreadable).toMatchObject([reported]);
  expect(broken.pods.length + broken.vmis.length).toBe(1);
  expect(findLauncherPods(all, "node-1").map(({ pod }) => pod.metadata.uid)).toContain("other");
});

test("a registration that does not have the API's form costs that binding, and a CR that is not, the bindings", () => {
  const cr = (binding: unknown): KubeObject => ({
    ...kubevirtObject(),
    spec: { configuration: { network: { binding } } },
  });
  for (const wrong of [null, 7, "text", [], { sidecarImage: 7 }, { domainAttachmentType: {} }, { migration: [] }]) {
    const { configuration, unreadable } = readObjects([cr({ good: { sidecarImage: "image" }, wrong })]);
    expect(configuration.network?.binding).toEqual({ good: { sidecarImage: "image" } });
    expect(unreadable).toMatchObject([
      { what: "KubeVirt kubevirt/kubevirt", problem: expect.stringContaining("network.binding.wrong") },
    ]);
  }
  for (const wrong of [7, "text", []])
    expect(readObjects([cr(wrong)])).toMatchObject({ configuration: {}, unreadable: [{ uid: "KubeVirt" }] });
  expect(readObjects(["text", null])).toMatchObject({ unreadable: [{ what: "an object" }, { what: "an object" }] });
});

test("a directory is named as the kernel names it in every mount", () => {
  const mounts = [
    "22 1 8:1 / / rw - ext4 /dev/sda1 rw",
    "30 22 8:2 /var\\040lib /var/lib rw shared:1 - xfs /dev/sdb rw",
    "31 30 8:3 / /var/lib/kubelet rw - tmpfs tmpfs rw",
    "32 22 8:4 / /var/library rw - tmpfs tmpfs rw",
  ].join("\n");
  expect(mountSource("/etc", mounts)).toEqual({ device: "8:1", root: "/etc" });
  expect(mountSource("/var/lib/a b", mounts)).toEqual({ device: "8:2", root: "/var lib/a b" });
  expect(mountSource("/var/lib/kubelet/pods/x", mounts)).toEqual({ device: "8:3", root: "/pods/x" });
  expect(mountSource("/var/lib/kubelet", mounts)).toEqual({ device: "8:3", root: "" });
});
