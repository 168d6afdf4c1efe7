import type { ErrorText } from "../error-text.ts";

export type DoctorCode =
  | "AGENT_DAEMON_SET_MISSING"
  | "AGENT_MISSING"
  | "AGENT_NOT_READY"
  | "AGENT_POD_SECURITY"
  | "AGENT_VERSIONS"
  | "ATTACH_REFUSED"
  | "ATTACH_TIMED_OUT"
  | "ATTACH_WAITING"
  | "BINDING_NOT_READY"
  | "BINDING_NOT_SEEN"
  | "BINDING_UNREGISTERED"
  | "CONTROLLER_MISSING"
  | "CONTROLLER_NOT_LEADING"
  | "CONTROLLER_NOT_READY"
  | "GATE_OFF"
  | "GRANTS_MISSING"
  | "GUEST_FAILED"
  | "HYPERCONVERGED_BEHIND"
  | "HYPERCONVERGED_REVERTS"
  | "IMAGE_NOT_PULLED"
  | "KUBEVIRT_MISSING"
  | "KUBEVIRT_NEWER"
  | "KUBEVIRT_NOT_READY"
  | "KUBEVIRT_PLUGIN"
  | "KUBEVIRT_UNSUPPORTED"
  | "LAUNCHER_FAILED"
  | "LAUNCHER_MISSING"
  | "LAUNCHER_UNSCHEDULED"
  | "MULTUS_MISSING"
  | "MULTUS_NOT_READY"
  | "NETWORK_MISSING"
  | "REGISTRATION_ATTACHMENT"
  | "REGISTRATION_IMAGE"
  | "REGISTRATION_MISMATCH"
  | "SIDECAR_IMAGE_MISSING"
  | "VM_HALTED"
  | "VM_REFUSED"
  | "WEBHOOK_CERTIFICATE"
  | "WEBHOOK_MISSING"
  | "WEBHOOK_UNREACHABLE";

/** What `netbind doctor` finds, by its stable codes. Each finding's own text says more of the one case. */
export const DOCTOR_CODES: Readonly<Record<DoctorCode, ErrorText>> = {
  AGENT_DAEMON_SET_MISSING: {
    means: "No DaemonSet of the node agent is in the cluster: nothing attaches launcher pods.",
    fix: "install Netbind's chart",
  },
  AGENT_MISSING: {
    means:
      "No node agent runs on a node that runs VMs: their pods wait, and KubeVirt fails the VMs after three minutes.",
    fix: "see the DaemonSet netbind-agent: its node selector, its tolerations and its events",
  },
  AGENT_NOT_READY: {
    means: "A node agent's pod does not run as it should.",
    fix: "see its log and its events: kubectl describe pod",
  },
  AGENT_POD_SECURITY: {
    means: "The node agent's namespace enforces a Pod Security Standard that refuses privileged pods.",
    fix: "label the namespace pod-security.kubernetes.io/enforce=privileged",
  },
  AGENT_VERSIONS: {
    means: "Node agents run different images.",
    fix: "wait for the DaemonSet's update, or see why it does not go on: kubectl rollout status",
  },
  ATTACH_REFUSED: {
    means: "The node agent did not attach a VM, and its event says why.",
    fix: "do what the event says, and start the VM again",
  },
  ATTACH_TIMED_OUT: {
    means: "KubeVirt waited three minutes for the hook socket of a VM's sidecar, and failed the VM.",
    fix: "see why the node agent did not attach it, and start the VM again",
  },
  ATTACH_WAITING: {
    means: "A VM's pod runs and waits until the node agent attaches it.",
    fix: "wait for the agent; if nothing comes within a minute, see its log",
  },
  BINDING_NOT_READY: {
    means: "A condition of a NetworkBinding is false: VMs cannot use the binding by that name.",
    fix: "do what the condition's message says",
  },
  BINDING_NOT_SEEN: {
    means: "The controller has not looked at a NetworkBinding as it is now.",
    fix: "see whether the controller runs: kubectl logs deployment/netbind-controller",
  },
  BINDING_UNREGISTERED: {
    means: "A VM names a binding that the KubeVirt CR does not register: KubeVirt keeps the VM Pending.",
    fix: "create a NetworkBinding of that name, or register it",
  },
  CONTROLLER_MISSING: {
    means: "The cluster has NetworkBindings or webhooks of Netbind, and no controller that serves them.",
    fix: "install Netbind's chart, or remove what it left",
  },
  CONTROLLER_NOT_LEADING: {
    means: "No replica of the controller holds its Lease: none of them writes.",
    fix: "see the controller's log",
  },
  CONTROLLER_NOT_READY: {
    means: "Replicas of the controller are not ready.",
    fix: "see their logs and events: kubectl describe pod",
  },
  GATE_OFF: {
    means: "A feature gate of KubeVirt that bindings need is off.",
    fix: "add it to spec.configuration.developerConfiguration.featureGates",
  },
  GRANTS_MISSING: {
    means: "A binding plans what the administrator does not grant it: the node agent attaches none of its VMs.",
    fix: "grant it in spec.grants of its NetworkBinding if you trust the binding",
  },
  GUEST_FAILED: {
    means: "The network is attached, and the VM failed later.",
    fix: "see the launcher's log: kubectl logs POD -c compute",
  },
  HYPERCONVERGED_BEHIND: {
    means: "A binding is registered in the HyperConverged CR, and its operator has not copied it into the KubeVirt CR.",
    fix: "see the conditions of the HyperConverged CR and the log of its operator",
  },
  HYPERCONVERGED_REVERTS: {
    means: "Somebody writes into the KubeVirt CR, which HyperConverged's operator owns and writes back.",
    fix: "write it into the HyperConverged CR",
  },
  IMAGE_NOT_PULLED: {
    means: "A node cannot pull the image of a container.",
    fix: "correct the image's name, mirror it, or give the pod's namespace a pull secret",
  },
  KUBEVIRT_MISSING: { means: "The cluster has no KubeVirt.", fix: "install KubeVirt" },
  KUBEVIRT_NEWER: {
    means: "KubeVirt is newer than any that this release knows: what it reports may be wrong.",
    fix: "use a release of Netbind that knows this version",
  },
  KUBEVIRT_NOT_READY: { means: "KubeVirt itself is not available.", fix: "see the KubeVirt CR's conditions" },
  KUBEVIRT_PLUGIN: {
    means: "The cluster has a Plugin of KubeVirt's: KubeVirt then prints every VM's domain again from fewer fields.",
    fix: "remove the Plugin, if the VMs can do without it",
  },
  KUBEVIRT_UNSUPPORTED: {
    means: "KubeVirt is older than what Netbind's agent and controller serve.",
    fix: "update KubeVirt to 1.6 or newer",
  },
  LAUNCHER_FAILED: {
    means: "A container of a VM's pod does not start or has ended.",
    fix: "see the pod: kubectl describe pod, kubectl logs",
  },
  LAUNCHER_MISSING: {
    means: "KubeVirt made no pod for a VM.",
    fix: "see the events of the VM, and the log of virt-controller",
  },
  LAUNCHER_UNSCHEDULED: {
    means: "No node takes a VM's pod.",
    fix: "do what the scheduler's message says",
  },
  MULTUS_MISSING: {
    means: "VMs or bindings need networks of multus, and the cluster has no multus.",
    fix: "install multus, or take the networks out of the VMs",
  },
  MULTUS_NOT_READY: { means: "Multus does not run on all nodes.", fix: "see its DaemonSet" },
  NETWORK_MISSING: {
    means: "A NetworkAttachmentDefinition that a VM or a registration names is not there.",
    fix: "create it, or correct the name",
  },
  REGISTRATION_ATTACHMENT: {
    means: "A binding is registered with another domainAttachmentType than it needs: its NICs do not work.",
    fix: "register what the binding needs: netbind explain BINDING",
  },
  REGISTRATION_IMAGE: {
    means: "A binding is registered without the image of its sidecar.",
    fix: "set sidecarImage, or leave the registration to a NetworkBinding",
  },
  REGISTRATION_MISMATCH: {
    means: "A registration promises what its binding does not keep, or has less than it needs.",
    fix: "register what the binding needs: netbind explain BINDING",
  },
  SIDECAR_IMAGE_MISSING: {
    means: "The registry does not have the image that is registered for a binding.",
    fix: "correct the image's name, or mirror the image to that registry",
  },
  VM_HALTED: { means: "The VM is not to run.", fix: "start it: virtctl start VM" },
  VM_REFUSED: {
    means: "KubeVirt or a webhook refused to make what the VM needs.",
    fix: "correct what the message names",
  },
  WEBHOOK_CERTIFICATE: {
    means: "API servers do not trust the webhooks' certificate, or it has expired.",
    fix: "let the controller renew it: delete the Secret netbind-webhooks, and restart the controller",
  },
  WEBHOOK_MISSING: {
    means: "A webhook configuration of Netbind is missing or empty: VMs are stored without a review.",
    fix: "see the controller's log, or install the chart again",
  },
  WEBHOOK_UNREACHABLE: {
    means: "Nothing serves the webhooks: VMs with Netbind's bindings cannot be stored.",
    fix: "see why the controller is not ready, and the Service that the configuration names",
  },
};
