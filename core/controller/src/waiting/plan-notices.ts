import type { NetworkBinding } from "../network-binding.ts";
import type { AgentPod, FollowedPod, FollowedVmi, VmiReference } from "./followed-objects.ts";

/** Why a VM waits, as the reason of an event on its VMI. */
export type NoticeReason = "AGENT_MISSING" | "BINDING_UNREGISTERED";

/** What is to be said of a VM that waits. */
export interface Notice {
  readonly vmi: VmiReference;
  readonly reason: NoticeReason;
  readonly message: string;
}

/** What is known of a cluster's VMs. */
export interface WaitingInputs {
  readonly vmis: readonly FollowedVmi[];
  readonly pods: readonly FollowedPod[];
  readonly agents: readonly AgentPod[];
  readonly bindings: readonly NetworkBinding[];
  /** The names that KubeVirt has registered; undefined: it is not known. */
  readonly registered: ReadonlySet<string> | undefined;
}

/** A VMI without a pod: KubeVirt cannot make one while a binding is not registered. */
const isPending = ({ phase, isDeleting }: FollowedVmi): boolean => !isDeleting && (phase === "" || phase === "Pending");

/** Why a binding is not registered, and what to do. */
function unregistered(name: string, binding: NetworkBinding | undefined, registered: ReadonlySet<string>): string {
  const condition = binding?.status.conditions?.find(({ type }) => type === "Registered");
  if (binding !== undefined) {
    const said = condition?.message ?? "the controller has not looked at it yet";
    return `NetworkBinding ${name} is there, but: ${said}`;
  }
  const names = [...registered].sort().join(", ");
  return `create a NetworkBinding of that name, or register it in the KubeVirt CR (registered: ${names || "none"})`;
}

function noticesOfPending({ vmis, bindings, registered }: WaitingInputs): readonly Notice[] {
  if (registered === undefined) return [];
  const byName = new Map(bindings.map((binding) => [binding.name, binding]));
  return vmis.filter(isPending).flatMap(({ interfaces, ...vmi }) =>
    interfaces
      .filter(({ binding }) => !registered.has(binding))
      .map(({ name, binding }) => ({
        vmi,
        reason: "BINDING_UNREGISTERED",
        message: `interface ${JSON.stringify(name)} waits for the binding ${JSON.stringify(binding)}, which is not registered: ${unregistered(binding, byName.get(binding), registered)}`,
      })),
  );
}

const BEFORE_GUEST: readonly string[] = ["", "Pending", "Scheduling", "Scheduled"];

/** True where a pod's launcher has no guest yet: of a VMI that starts, or that migrates there. */
const hasNoGuest = ({ node }: FollowedPod, vmi: FollowedVmi): boolean =>
  BEFORE_GUEST.includes(vmi.phase) || (vmi.phase === "Running" && vmi.node !== "" && vmi.node !== node);

function noticesOfAgents({ vmis, pods, agents, bindings }: WaitingInputs): readonly Notice[] {
  const served = new Set(agents.filter(({ isRunning }) => isRunning).map(({ node }) => node));
  const attached = bindings.filter(({ status }) => status.image !== undefined);
  const [names, images] = [
    new Set(attached.map(({ name }) => name)),
    new Set(attached.map(({ status }) => status.image)),
  ];
  const byUid = new Map(vmis.map((vmi) => [vmi.uid, vmi]));
  return pods.flatMap((pod): readonly Notice[] => {
    const vmi = byUid.get(pod.vmi);
    if (vmi === undefined || vmi.isDeleting || pod.isOver || pod.node === "" || served.has(pod.node)) return [];
    const isOurs = pod.bindings.some((name) => names.has(name)) || pod.images.some((image) => images.has(image));
    if (!isOurs || !hasNoGuest(pod, vmi)) return [];
    const message =
      `pod ${pod.name} waits for the node agent: none runs on node ${JSON.stringify(pod.node)}, and KubeVirt fails the VM ` +
      "after three minutes; check the DaemonSet netbind-agent, its node selector and its tolerations";
    return [{ vmi, reason: "AGENT_MISSING", message }];
  });
}

/** All VMs that wait for what does not come by itself, each with what it waits for. */
export const planNotices = (inputs: WaitingInputs): readonly Notice[] => [
  ...noticesOfPending(inputs),
  ...noticesOfAgents(inputs),
];
