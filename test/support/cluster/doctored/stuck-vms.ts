/** VMs that do not start, each for a reason of its own, as KubeVirt and the node agent leave them. */
import { clusterVmi, eventOf } from "../cluster-vmi.ts";
import type { KubeObject } from "../write-object.ts";
import { pullingPod } from "./broken-clusters.ts";
import { VMIS } from "./healthy-objects.ts";

/** What is there of a VM. */
interface StuckVm {
  /** The codes of all findings, in their order. */
  readonly finds: readonly string[];
  /** What the fix names. */
  readonly fix?: string;
  /** Its VirtualMachine, or its VMI. */
  readonly vm: KubeObject;
  /** What is there beside it; `uid`: of its VMI. */
  readonly beside?: (uid: string) => readonly KubeObject[];
}

const PASST = { binding: { name: "passt" } };
const vmi = (name: string, status: object, more: object = {}): KubeObject =>
  clusterVmi({
    name,
    namespace: "web",
    nic: PASST,
    ...more,
    status: { interfaces: [], nodeName: "node-1", ...status },
  });

const RUNNING = {
  phase: "Running",
  conditions: [
    { type: "PodScheduled", status: "True" },
    { type: "Ready", status: "True" },
  ],
  containerStatuses: [],
};

/** A launcher pod with the sidecar of a binding. */
function launcher(name: string, uid: string, status: object = RUNNING, nodeName = "node-1"): KubeObject {
  const pod = pullingPod({ name, uid }, "registry.example/passt:1");
  const spec = { ...(pod["spec"] as object), nodeName: nodeName === "" ? undefined : nodeName };
  return { ...pod, spec, status };
}

const agentEvent = (name: string, uid: string, reason: string, message: string): KubeObject => {
  const about = { kind: "VirtualMachineInstance", namespace: "web", name, uid };
  const type = reason === "ATTACHED" ? "Normal" : "Warning";
  return eventOf(about, { by: "netbind-agent", type, reason, message });
};

const at = (phase: string, time: string): object => ({ phase, phaseTransitionTimestamp: `2026-11-29T${time}Z` });

const TEMPLATE = {
  metadata: {},
  spec: { domain: { devices: { interfaces: [{ name: "red", ...PASST }] } }, networks: [{ name: "red", pod: {} }] },
};

export const STUCK_VMS: Readonly<Record<string, StuckVm>> = {
  halted: {
    finds: ["VM_HALTED"],
    fix: "virtctl start halted -n web",
    vm: {
      apiVersion: "kubevirt.io/v1",
      kind: "VirtualMachine",
      metadata: { name: "halted", namespace: "web" },
      spec: { runStrategy: "Halted", template: TEMPLATE },
      status: { printableStatus: "Stopped" },
    },
  },
  refused: {
    finds: ["VM_REFUSED"],
    vm: {
      apiVersion: "kubevirt.io/v1",
      kind: "VirtualMachine",
      metadata: { name: "refused", namespace: "web" },
      spec: { runStrategy: "Always", template: TEMPLATE },
      status: {
        printableStatus: "Stopped",
        conditions: [
          {
            ...{ type: "Failure", status: "True", reason: "FailedCreate" },
            message:
              'Error encountered while creating VMI: admission webhook "vmis.bindings.netbind.dev" denied the request',
          },
        ],
      },
    },
  },
  unregistered: {
    finds: ["REG-1"],
    fix: "spec.configuration.network.binding",
    vm: vmi("unregistered", { phase: "Pending" }, { nic: { binding: { name: "routed" } } }),
  },
  "no-definition": {
    finds: ["NETWORK_MISSING"],
    fix: "create it",
    vm: vmi(
      "no-definition",
      { phase: "Pending" },
      { nic: { bridge: {} }, network: { multus: { networkName: "dmz" } } },
    ),
  },
  unscheduled: {
    finds: ["LAUNCHER_UNSCHEDULED"],
    vm: vmi("unscheduled", { phase: "Scheduling" }),
    beside: (uid) => [
      launcher(
        "unscheduled",
        uid,
        {
          phase: "Pending",
          conditions: [
            {
              ...{ type: "PodScheduled", status: "False", reason: "Unschedulable" },
              message: "0/2 nodes are available: 2 Insufficient macvtap.network.kubevirt.io/eth0.",
            },
          ],
        },
        "",
      ),
    ],
  },
  pulling: {
    finds: ["IMAGE_NOT_PULLED"],
    fix: "spec.image of its NetworkBinding",
    vm: vmi("pulling", { phase: "Scheduling" }),
    beside: (uid) => [pullingPod({ name: "pulling", uid }, "registry.example/passt:1")],
  },
  "no-agent": {
    finds: ["AGENT_MISSING"],
    fix: "DaemonSet netbind-agent",
    vm: vmi("no-agent", { phase: "Scheduled", nodeName: "node-3" }),
    beside: (uid) => [launcher("no-agent", uid, RUNNING, "node-3")],
  },
  waiting: {
    finds: ["ATTACH_WAITING"],
    fix: "the agent's log",
    vm: vmi("waiting", { phase: "Scheduled" }),
    beside: (uid) => [launcher("waiting", uid)],
  },
  "not-attached": {
    finds: ["ATTACH_REFUSED"],
    fix: "do what the message says",
    vm: vmi("not-attached", { phase: "Scheduled" }),
    beside: (uid) => [
      launcher("not-attached", uid),
      agentEvent(
        "not-attached",
        uid,
        "PLAN_IMPOSSIBLE",
        "the pod link has no address \u001b[2J\nerror: [FAKE] nothing",
      ),
    ],
  },
  "timed-out": {
    finds: ["ATTACH_TIMED_OUT"],
    vm: vmi("timed-out", {
      phase: "Failed",
      phaseTransitionTimestamps: [
        at("Pending", "21:51:13"),
        at("Scheduling", "21:51:13"),
        at("Scheduled", "21:51:17"),
        at("Failed", "21:54:17"),
      ],
    }),
    beside: (uid) => [launcher("timed-out", uid)],
  },
  crashed: {
    finds: ["GUEST_FAILED"],
    vm: vmi("crashed", {
      phase: "Failed",
      phaseTransitionTimestamps: [at("Running", "21:51:17"), at("Failed", "21:54:17")],
    }),
    beside: (uid) => [
      launcher("crashed", uid),
      agentEvent("crashed", uid, "ATTACHED", "NIC red: passt"),
      eventOf(
        { kind: "VirtualMachineInstance", namespace: "web", name: "crashed", uid },
        { by: "virt-handler", type: "Warning", reason: "Stopped", message: "The VirtualMachineInstance crashed." },
      ),
    ],
  },
  shop: {
    finds: [],
    vm: VMIS[0] as KubeObject,
    beside: (uid) => [launcher("shop", uid), agentEvent("shop", uid, "ATTACHED", "NIC red: masquerade")],
  },
};
