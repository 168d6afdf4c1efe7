/** VMIs and what is said of them, as KubeVirt's controllers and node agents leave them. */
import type { KubeObject } from "./write-object.ts";

/** A VMI that runs on a node; `nic`: how it is bound, and `network` where that is not the pod network. */
export interface VmiInputs {
  readonly name: string;
  readonly namespace: string;
  readonly nic: object;
  readonly network?: object;
  readonly status?: object;
}

/** A VMI with one NIC, `red`, which runs. */
export const clusterVmi = ({ name, namespace, nic, network = { pod: {} }, status = {} }: VmiInputs): KubeObject => ({
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachineInstance",
  metadata: { name, namespace, labels: { "kubevirt.io/nodeName": "node-1" } },
  spec: {
    architecture: "amd64",
    domain: {
      cpu: { cores: 1, model: "host-model", sockets: 1, threads: 1 },
      devices: { interfaces: [{ name: "red", ...nic }] },
      machine: { type: "q35" },
      memory: { guest: "256Mi" },
    },
    networks: [{ name: "red", ...network }],
  },
  status: {
    conditions: [{ type: "Ready", status: "True" }],
    interfaces: [
      {
        ...{ name: "red", interfaceName: "eth0", podInterfaceName: "eth0", infoSource: "domain, guest-agent" },
        ...{ ipAddress: "10.244.1.3", ipAddresses: ["10.244.1.3", "fd00:10:244:1::3"] },
        ...{ linkState: "up", mac: "02:00:00:a9:49:61", queueCount: 1 },
      },
    ],
    nodeName: "node-1",
    phase: "Running",
    ...status,
  },
});

/** What somebody said of an object, as an event of one hour's time. */
export const eventOf = (
  about: { readonly kind: string; readonly namespace: string; readonly name: string; readonly uid: string },
  said: { readonly by: string; readonly reason: string; readonly message: string; readonly type?: string },
): KubeObject => ({
  apiVersion: "v1",
  kind: "Event",
  metadata: { name: `${about.name}.${said.reason.toLowerCase().replaceAll("_", "-")}`, namespace: about.namespace },
  involvedObject: { apiVersion: about.kind === "Pod" ? "v1" : "kubevirt.io/v1", ...about },
  type: said.type ?? "Normal",
  reason: said.reason,
  message: said.message,
  source: { component: said.by, host: "node-1" },
  reportingComponent: said.by,
  reportingInstance: "node-1",
  firstTimestamp: "2026-11-29T21:42:14Z",
  lastTimestamp: "2026-11-29T21:42:18Z",
  count: 1,
});
