/** The objects of a cluster in which Netbind works, as everybody who writes them leaves them. */
import { type Certificates, webhookConfigurations } from "@netbind/controller";
import { chartObject } from "../chart.ts";
import { clusterVmi } from "../cluster-vmi.ts";
import type { KubeObject } from "../write-object.ts";

export const NODES = ["node-1", "node-2"] as const;
const DIGEST = `sha256:${"a".repeat(64)}`;
const AGENT_IMAGE = `registry.example/netbind/agent@${DIGEST}`;
const encode = (text: string): string => Buffer.from(text).toString("base64");

/** A KubeVirt CR as its operator reports it; the registrations are the controller's, and written apart. */
export const kubevirt = (spec: object = {}, status: object = {}, metadata: object = {}): KubeObject => ({
  apiVersion: "kubevirt.io/v1",
  kind: "KubeVirt",
  metadata: { ...metadata, name: "kubevirt", namespace: "kubevirt" },
  spec: { configuration: { developerConfiguration: { featureGates: ["LiveMigration"] } }, ...spec },
  status: {
    ...{ phase: "Deployed", observedKubeVirtVersion: "v1.9.0", targetKubeVirtVersion: "v1.9.0" },
    conditions: [
      { type: "Available", status: "True", reason: "AllComponentsReady", message: "All components are ready." },
    ],
    ...status,
  },
});

/** Registrations in the KubeVirt CR, as server-side apply of a manager. */
export const registered = (binding: object): KubeObject => ({
  apiVersion: "kubevirt.io/v1",
  kind: "KubeVirt",
  metadata: { name: "kubevirt", namespace: "kubevirt" },
  spec: { configuration: { network: { binding } } },
});

/** What the controller registers of three bindings. */
export const REGISTRATIONS = (image: (name: string) => string): Readonly<Record<string, object>> => ({
  masquerade: { sidecarImage: image("masquerade"), domainAttachmentType: "tap", migration: {} },
  passt: {
    sidecarImage: image("passt"),
    migration: {},
    computeResourceOverhead: { requests: { memory: "250Mi" } },
  },
  macvtap: { domainAttachmentType: "tap" },
});

const condition = (type: string, reason: string, message: string, status = "True"): object => ({
  ...{ type, status, reason, message, observedGeneration: 1 },
  lastTransitionTime: "2026-11-29T21:40:00Z",
});

/** A NetworkBinding of which the controller says that VMs can use it; `conditions` replace what it says. */
export const networkBinding = (name: string, spec: object = {}, conditions: readonly object[] = []): KubeObject => ({
  apiVersion: "netbind.dev/v1alpha1",
  kind: "NetworkBinding",
  metadata: { name },
  spec,
  status: {
    conditions:
      conditions.length > 0
        ? conditions
        : [
            condition("ImageResolved", "FromRelease", "this release's image serves"),
            condition("Registered", "Written", `written as spec.configuration.network.binding.${name}`),
            condition("PlannerReachable", "Embedded", "this release plans for it"),
            condition("Ready", "Ready", "VMs can use the binding by this name"),
          ],
  },
});

const namespaces = (): readonly KubeObject[] =>
  ["kubevirt", "netbind", "web", "multus"].map((name) => ({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name,
      labels: name === "netbind" ? { "pod-security.kubernetes.io/enforce": "privileged" } : {},
    },
  }));

const node = (name: string): KubeObject => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name, labels: { "kubernetes.io/os": "linux", "kubevirt.io/schedulable": "true" } },
  status: { conditions: [{ type: "Ready", status: "True", reason: "KubeletReady" }] },
});

/** What the chart has the pods of a workload called. */
const podLabels = (kind: string, name: string): object => {
  const { spec } = chartObject(kind, name) as unknown as {
    readonly spec: { readonly template: { readonly metadata: { readonly labels: object } } };
  };
  return spec.template.metadata.labels;
};

const SET_STATUS = {
  ...{ currentNumberScheduled: 2, desiredNumberScheduled: 2, numberMisscheduled: 0, numberReady: 2 },
  updatedNumberScheduled: 2,
};

const daemonSet = (namespace: string, name: string, labels: object, image: string): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "DaemonSet",
  metadata: { name, namespace, labels },
  spec: {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name, ...labels } },
      spec: { nodeSelector: { "kubernetes.io/os": "linux" }, containers: [{ name: "main", image }] },
    },
  },
  status: SET_STATUS,
});

/** The agent's pod on a node. */
export const agentPod = (onNode: string, status: object = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: `netbind-agent-${onNode}`, namespace: "netbind", labels: podLabels("DaemonSet", "netbind-agent") },
  spec: {
    ...{ nodeName: onNode, hostPID: true, serviceAccountName: "default" },
    containers: [{ name: "agent", image: AGENT_IMAGE, securityContext: { privileged: true } }],
  },
  status: {
    phase: "Running",
    conditions: [{ type: "Ready", status: "True" }],
    containerStatuses: [
      {
        ...{ name: "agent", image: AGENT_IMAGE, imageID: AGENT_IMAGE, ready: true, restartCount: 0 },
        state: { running: { startedAt: "2026-11-29T21:40:00Z" } },
      },
    ],
    ...status,
  },
});

/** An object of the chart, as an installation has it. */
const installed = (kind: string, name: string, status?: object): KubeObject => {
  const object = chartObject(kind, name) as unknown as KubeObject;
  const metadata = { ...object.metadata, namespace: "netbind" };
  return { ...object, metadata, ...(status === undefined ? {} : { status }) };
};

/** The Lease of the controller, as its holder renewed it at a time. */
export const lease = (renewTime: Date): KubeObject => ({
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name: "netbind-controller", namespace: "netbind" },
  spec: {
    ...{ holderIdentity: "netbind-controller-7d4c-x2vq", leaseDurationSeconds: 15, leaseTransitions: 0 },
    renewTime: renewTime.toISOString().replace("Z", "000Z"),
  },
});

const controller = (): readonly KubeObject[] => [
  installed("Deployment", "netbind-controller", {
    ...{ replicas: 2, readyReplicas: 2, availableReplicas: 2, updatedReplicas: 2 },
  }),
  installed("Service", "netbind-webhooks"),
  {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      ...{ name: "netbind-webhooks-7x2vq", namespace: "netbind" },
      labels: { "kubernetes.io/service-name": "netbind-webhooks" },
    },
    addressType: "IPv4",
    endpoints: [{ addresses: ["10.244.1.7"], conditions: { ready: true, serving: true, terminating: false } }],
    ports: [{ port: 9443, protocol: "TCP" }],
  },
];

/** The Secret with the webhooks' certificates, and the configurations that name their authority. */
export const webhooks = ({
  authorities,
  server,
}: Pick<Certificates, "authorities" | "server">): readonly KubeObject[] => [
  {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "netbind-webhooks", namespace: "netbind" },
    type: "Opaque",
    data: { "ca.crt": encode(authorities.join("\n")), "tls.crt": encode(server.cert), "tls.key": encode(server.key) },
  },
  ...webhookConfigurations({
    target: { service: "netbind-webhooks", namespace: "netbind" },
    authorities,
    names: ["macvtap", "masquerade", "passt"],
    removed: ["slirp", "macvtap", "passt"],
    virtController: "system:serviceaccount:kubevirt:kubevirt-controller",
  }).map(({ body }) => body as KubeObject),
];

const definition = (): KubeObject => ({
  apiVersion: "k8s.cni.cncf.io/v1",
  kind: "NetworkAttachmentDefinition",
  metadata: { name: "lan", namespace: "web" },
  spec: { config: JSON.stringify({ cniVersion: "1.0.0", name: "lan", type: "macvlan" }) },
});

/** VMs of the cluster: each has what one kind of trouble is of. */
export const VMIS: readonly KubeObject[] = [
  clusterVmi({ name: "shop", namespace: "web", nic: { binding: { name: "masquerade" }, ports: [{ port: 80 }] } }),
  clusterVmi({
    ...{ name: "wide", namespace: "web", nic: { binding: { name: "macvtap" }, macAddress: "02:00:00:00:00:07" } },
    network: { multus: { networkName: "lan" } },
  }),
];

export const MULTUS = daemonSet("multus", "kube-multus-ds", { name: "multus" }, "registry.example/multus-cni:v4.2.3");

/** Everything but VMs, registrations and webhooks. */
export const healthyObjects = (): readonly KubeObject[] => [
  ...NODES.map(node),
  kubevirt(),
  installed("DaemonSet", "netbind-agent", SET_STATUS),
  ...NODES.map((name) => agentPod(name)),
  ...controller(),
  definition(),
  MULTUS,
  ...["masquerade", "passt", "macvtap"].map((name) => networkBinding(name)),
];

export const healthyNamespaces = namespaces;
