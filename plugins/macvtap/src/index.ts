import {
  type Attachment,
  type Binding,
  BindingError,
  defineBinding,
  type NicSpec,
  type Plan,
  type Violation,
  violation,
} from "@netbind/contract";

function admit(nic: NicSpec): readonly Violation[] {
  if (nic.network.kind === "multus" && !nic.network.default) return [];
  return [
    violation(
      "name",
      `macvtap needs a link of its own on the node's network, and "${nic.name}" is on the pod network`,
      "name a multus network whose definition is of type macvtap",
    ),
  ];
}

function plan({ pod, names }: Attachment): Plan {
  if (pod.tap === names.pod) return { domain: { kind: "tap" } };
  throw new BindingError(
    "PLAN_IMPOSSIBLE",
    `pod link "${pod.name}" is not a macvtap`,
    "name a network whose definition is of type macvtap, or use bridge",
  );
}

/**
 * The guest is on the node's own network, by a link of the node's that the CNI plugin macvtap made in the pod. The
 * hypervisor opens it as it is: nothing is made for it.
 */
const macvtap: Binding = defineBinding({
  name: "macvtap",
  contract: "v1alpha1",
  // With a MAC address that its author names: the node's next link has another (rule MACVTAP-1).
  migration: "supported",
  takesPodMac: true,
  admit,
  plan,
});

export default macvtap;
