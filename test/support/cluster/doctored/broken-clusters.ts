/** Ten clusters in which one thing is broken: how it comes to be so, and how it is made whole again. */
import { eventOf } from "../cluster-vmi.ts";
import type { KubeObject } from "../write-object.ts";
import { type DoctoredCluster, webhooksOf } from "./doctored-cluster.ts";
import { agentPod, kubevirt, MULTUS, networkBinding, REGISTRATIONS, VMIS } from "./healthy-objects.ts";

/** A cluster that is broken in one way. */
export interface BrokenCluster {
  readonly name: string;
  /** The codes of all findings, in their order. */
  readonly finds: readonly string[];
  /** What the fix names. */
  readonly fix: string;
  /** Breaks a cluster. Gives what makes it whole. */
  readonly break: (cluster: DoctoredCluster, image: (name: string) => string) => Promise<() => Promise<void>>;
}

const SHOP = VMIS[0] as KubeObject;
const uidOf = async (cluster: DoctoredCluster, object: KubeObject): Promise<string> =>
  String((await cluster.read(object)).metadata["uid"]);

/** A launcher pod whose sidecar's image a node cannot pull, as the kubelet reports it. */
export const pullingPod = (owner: { readonly name: string; readonly uid: string }, image: string): KubeObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    ...{ name: `virt-launcher-${owner.name}-x7k2p`, namespace: "web" },
    labels: { "kubevirt.io": "virt-launcher", "kubevirt.io/created-by": owner.uid, "vm.kubevirt.io/name": owner.name },
    ownerReferences: [{ apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstance", ...owner, controller: true }],
  },
  spec: {
    ...{ nodeName: "node-1", serviceAccountName: "default", restartPolicy: "Never" },
    containers: [
      { name: "compute", image: "registry.example/virt-launcher:v1.9.0" },
      { name: "hook-sidecar-0", image },
    ],
  },
  status: {
    phase: "Pending",
    conditions: [
      { type: "PodScheduled", status: "True" },
      { type: "ContainersReady", status: "False", reason: "ContainersNotReady" },
    ],
    containerStatuses: [
      {
        ...{
          name: "compute",
          image: "registry.example/virt-launcher:v1.9.0",
          imageID: "",
          ready: true,
          restartCount: 0,
        },
        state: { running: { startedAt: "2026-11-29T21:51:16Z" } },
      },
      {
        ...{ name: "hook-sidecar-0", image, imageID: "", ready: false, restartCount: 0 },
        state: { waiting: { reason: "ImagePullBackOff", message: `Back-off pulling image "${image}"` } },
      },
    ],
  },
});

const hyperConverged = (networkBinding: object): KubeObject => ({
  apiVersion: "hco.kubevirt.io/v1beta1",
  kind: "HyperConverged",
  metadata: { name: "kubevirt-hyperconverged", namespace: "kubevirt" },
  spec: { networkBinding },
});

const condition = (type: string, status: string, reason: string, message: string): object => ({
  ...{ type, status, reason, message, observedGeneration: 1, lastTransitionTime: "2026-11-29T21:40:00Z" },
});

const OTHERS_VALUE =
  '"kubectl-edit" owns spec.configuration.network.binding.masquerade.domainAttachmentType of KubeVirt kubevirt/kubevirt: ' +
  '"managedTap" where this binding has "tap"; it is left alone: remove it there, or change this spec';

const FOREIGN_PLUGIN: KubeObject = {
  apiVersion: "plugin.kubevirt.io/v1alpha1",
  kind: "Plugin",
  metadata: { name: "mesh" },
  spec: { domainHooks: [{ sidecar: { socketPath: "/var/run/mesh.sock" } }] },
};

export const BROKEN_CLUSTERS: readonly BrokenCluster[] = [
  {
    name: "agent-missing",
    finds: ["AGENT_MISSING"],
    fix: "let the DaemonSet netbind-agent run there",
    break: async (cluster) => {
      await cluster.remove(agentPod("node-2"));
      return () => cluster.write(agentPod("node-2"));
    },
  },
  {
    name: "image-missing",
    finds: ["IMAGE_NOT_PULLED", "SIDECAR_IMAGE_MISSING"],
    fix: "mirror the image to that registry",
    break: async (cluster, image) => {
      const missing = image("masquerade").replace("/masquerade:", "/masqerade:");
      const registration = { ...REGISTRATIONS(image)["masquerade"], sidecarImage: missing };
      await cluster.register({ masquerade: registration });
      const pod = pullingPod({ name: "shop", uid: await uidOf(cluster, SHOP) }, missing);
      await cluster.write(pod);
      return async () => {
        await cluster.remove(pod);
        await cluster.register({});
      };
    },
  },
  {
    name: "unregistered-name",
    finds: ["BINDING_UNREGISTERED"],
    fix: "create a NetworkBinding masquerade, or register it",
    break: async (cluster) => {
      await cluster.remove(networkBinding("masquerade"));
      await cluster.register({ masquerade: undefined });
      return async () => {
        await cluster.register({});
        await cluster.write(networkBinding("masquerade"));
      };
    },
  },
  {
    name: "wrong-attachment-type",
    finds: ["REGISTRATION_ATTACHMENT", "BINDING_NOT_READY"],
    fix: "set domainAttachmentType: tap",
    break: async (cluster, image) => {
      await cluster.register({ masquerade: undefined });
      const wrong = { ...REGISTRATIONS(image)["masquerade"], domainAttachmentType: "managedTap" };
      await cluster.registerOnly({ masquerade: wrong }, "kubectl-edit");
      const conditions = [
        condition("ImageResolved", "True", "FromRelease", "this release's image serves"),
        condition("Registered", "False", "OwnedByOther", OTHERS_VALUE),
        condition("PlannerReachable", "True", "Embedded", "this release plans for it"),
        condition("Ready", "False", "OwnedByOther", OTHERS_VALUE),
      ];
      await cluster.write(networkBinding("masquerade", {}, conditions));
      return async () => {
        await cluster.registerOnly({}, "kubectl-edit");
        await cluster.register({});
        await cluster.write(networkBinding("masquerade"));
      };
    },
  },
  {
    name: "gate-off",
    finds: ["KUBEVIRT_UNSUPPORTED", "GATE_OFF"],
    fix: "add NetworkBindingPlugins to the list",
    break: async (cluster) => {
      await cluster.write(kubevirt({}, { observedKubeVirtVersion: "v1.4.1", targetKubeVirtVersion: "v1.4.1" }));
      return () => cluster.write(kubevirt());
    },
  },
  {
    name: "multus-missing",
    finds: ["MULTUS_MISSING"],
    fix: "install multus",
    break: async (cluster) => {
      await cluster.remove(MULTUS);
      return () => cluster.write(MULTUS);
    },
  },
  {
    name: "expired-certificate",
    finds: Array.from({ length: 5 }, () => "WEBHOOK_CERTIFICATE"),
    fix: "delete the Secret netbind-webhooks and restart the controller",
    break: async (cluster) => {
      await cluster.write(...(await webhooksOf(new Date("2024-03-01T12:00:00Z"))));
      return async () => cluster.write(...(await webhooksOf(new Date())));
    },
  },
  {
    name: "foreign-plugin",
    finds: ["KUBEVIRT_PLUGIN"],
    fix: "kubectl delete plugins.plugin.kubevirt.io mesh",
    break: async (cluster) => {
      await cluster.write(FOREIGN_PLUGIN);
      return () => cluster.remove(FOREIGN_PLUGIN);
    },
  },
  {
    name: "missing-grants",
    finds: ["GRANTS_MISSING", "GRANTS_MISSING"],
    fix: "add passt, or remove the list",
    break: async (cluster) => {
      await cluster.write(networkBinding("passt", { grants: { domainKinds: ["tap"] } }));
      const pod = pullingPod({ name: "shop", uid: await uidOf(cluster, SHOP) }, "registry.example/passt:1");
      const waiting: KubeObject = {
        ...pod,
        metadata: { ...pod.metadata, name: "virt-launcher-mail-q9z4t" },
        status: { phase: "Pending" },
      };
      await cluster.write(waiting);
      const about = {
        kind: "Pod",
        namespace: "web",
        name: "virt-launcher-mail-q9z4t",
        uid: await uidOf(cluster, waiting),
      };
      const message = 'the plan of binding "passt" for NIC "red" is out of its grants: domain kind passt';
      const refusal = eventOf(about, { by: "netbind-agent", type: "Warning", reason: "PLAN_OUT_OF_BOUNDS", message });
      await cluster.write(refusal);
      return async () => {
        await cluster.remove(refusal, waiting);
        await cluster.write(networkBinding("passt"));
      };
    },
  },
  {
    name: "hyperconverged-reverts",
    finds: ["HYPERCONVERGED_REVERTS"],
    fix: "register it as spec.networkBinding.passt of HyperConverged kubevirt/kubevirt-hyperconverged",
    break: async (cluster, image) => {
      const { passt: _, ...others } = REGISTRATIONS(image);
      const operator = hyperConverged(others);
      await cluster.write(operator);
      const owner = { apiVersion: "hco.kubevirt.io/v1beta1", kind: "HyperConverged", name: "kubevirt-hyperconverged" };
      const uid = await uidOf(cluster, operator);
      await cluster.write(kubevirt({}, {}, { ownerReferences: [{ ...owner, uid, controller: true }] }));
      const about = { kind: "HyperConverged", namespace: "kubevirt", name: "kubevirt-hyperconverged", uid };
      const message = "Overwritten KubeVirt kubevirt-kubevirt-hyperconverged";
      const said = eventOf(about, {
        by: "hyperconverged-cluster-operator",
        type: "Warning",
        reason: "Overwritten",
        message,
      });
      await cluster.write(said);
      return async () => {
        await cluster.write(kubevirt());
        await cluster.remove(said, operator);
      };
    },
  },
];
