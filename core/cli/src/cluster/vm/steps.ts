import { ageOf } from "@netbind/view";
import type { ClusterFinding, ClusterObject, VmStep } from "@netbind/view";
import { agentState, isReady, nodeOf, stuckContainers } from "../checks/check-agents.ts";
import { attachFinding } from "../checks/check-bindings.ts";
import { pullFinding } from "../checks/check-images.ts";
import { conditionOf, textAt } from "../fields.ts";
import { isError, isWarning, objectOf } from "../found.ts";
import { listed } from "../looks.ts";
import type { Released } from "../released.ts";
import { checkSpec } from "./check-spec.ts";
import { agentWord, isHalted, lastWarning, needsAgent, phaseOf, phaseTime, type VmFacts } from "./vm-facts.ts";

/** What a step comes to. What does not go on by itself has findings. */
export interface Outcome {
  readonly state: Exclude<VmStep["state"], "not reached">;
  readonly says: string;
  readonly findings?: readonly ClusterFinding[];
}

/** With what a step is judged. */
export interface StepContext {
  readonly facts: VmFacts;
  readonly released: Released;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const ok = (says: string): Outcome => ({ state: "ok", says });
const failed = (says: string, ...findings: readonly ClusterFinding[]): Outcome => ({ state: "failed", says, findings });

/** KubeVirt's deadline for a launcher's command socket, and what may lie between two clocks; milliseconds. */
const LAUNCH_DEADLINE = 180_000;
const CLOCKS = 10_000;

const subjectOf = ({ vm, vmi }: VmFacts): ClusterObject =>
  vmi === undefined ? objectOf("VirtualMachine", vm) : objectOf("VirtualMachineInstance", vmi);

/** The VM as its author wrote it. */
function specStep({ facts, released }: StepContext): Outcome {
  if (phaseOf(facts) === "Running") return ok("the VM runs");
  if (!facts.isKubevirtKnown) return { state: "unknown", says: "the KubeVirt CR may not be looked at" };
  const found = checkSpec(facts, subjectOf(facts), released);
  const names = [...new Set(found.map(({ code }) => code))];
  return found.length === 0 ? ok("KubeVirt takes it") : failed(names.join(", "), ...found);
}

function vmiStep({ facts }: StepContext): Outcome {
  const { vm, vmi } = facts;
  if (vmi !== undefined) return ok(`phase ${phaseOf(facts) || "Pending"}`);
  const object = objectOf("VirtualMachine", vm);
  const failure = conditionOf(vm, "Failure");
  const message = textAt(failure, "message") || (lastWarning(facts)?.message ?? "");
  if (failure?.["status"] === "True" || (message !== "" && !isHalted(facts)))
    return failed(
      "no VMI can be made",
      isError("VM_REFUSED", {
        object,
        problem: `no VMI can be made: ${message}`,
        fix: "correct what the message names",
      }),
    );
  if (isHalted(facts)) {
    const fix = `start it: virtctl start ${object.name} -n ${object.namespace}`;
    return failed("the VM is not to run", isError("VM_HALTED", { object, problem: "it is not to run", fix }));
  }
  return { state: "waits", says: `no VMI yet (${textAt(vm, "status", "printableStatus") || "no status"})` };
}

function podStep({ facts }: StepContext): Outcome {
  const { pod, vmi } = facts;
  const object = subjectOf(facts);
  if (pod === undefined) {
    const said = textAt(conditionOf(vmi, "Synchronized"), "message") || (lastWarning(facts)?.message ?? "");
    if (said === "" && phaseOf(facts) !== "Failed") return { state: "waits", says: "KubeVirt has made no pod yet" };
    const problem = `KubeVirt made no pod${said === "" ? "" : `: ${said}`}`;
    const fix = "correct what the message names; else see the log of virt-controller";
    return failed("none is made", isError("LAUNCHER_MISSING", { object, problem, fix }));
  }
  const scheduled = conditionOf(pod, "PodScheduled");
  if (nodeOf(pod) !== "") return ok(`${pod.metadata.name} on node ${nodeOf(pod)}`);
  const said = textAt(scheduled, "message");
  if (said === "") return { state: "waits", says: `${pod.metadata.name} waits for the scheduler` };
  return failed(
    "no node takes it",
    isError("LAUNCHER_UNSCHEDULED", {
      object: objectOf("Pod", pod),
      problem: `no node takes it: ${said}`,
      fix: "give a node what the message asks for, or take it out of the VM (a device of a network is a resource of nodes)",
    }),
  );
}

function containerStep({ facts }: StepContext): Outcome {
  const { pod } = facts;
  const stuck = stuckContainers(pod);
  if (stuck.length === 0) {
    const phase = textAt(pod, "status", "phase");
    if (phase === "Pending") return { state: "waits", says: "they are being started" };
    return ok(phase.toLowerCase());
  }
  const found = stuck.map((one) =>
    one.isPull
      ? pullFinding(pod, one)
      : isError("LAUNCHER_FAILED", {
          object: objectOf("Pod", pod),
          field: `spec.containers[${one.name}]`,
          problem: `the container does not run: ${one.reason}${one.message === "" ? "" : `: ${one.message}`}`,
          fix: `see its log: kubectl logs ${textAt(pod, "metadata", "name")} -n ${textAt(pod, "metadata", "namespace")} -c ${one.name}`,
        }),
  );
  return failed(stuck.map(({ name, reason }) => `${name}: ${reason}`).join(", "), ...found);
}

function agentStep({ facts }: StepContext): Outcome {
  const { pod, agents } = facts;
  if (!needsAgent(facts)) return ok("none of the VM's NICs needs it");
  if ("unknown" in agents) return { state: "unknown", says: "it may not be looked at" };
  const [agent] = listed(agents);
  const node = nodeOf(pod);
  if (agent !== undefined && isReady(agent)) return ok(`${agent.metadata.name} is ready`);
  // What is attached stays so.
  if (agentWord(facts)?.reason === "ATTACHED") return ok("it has attached the pod, and is not there now");
  const object = { kind: "Node", name: node };
  const fix =
    "see the DaemonSet netbind-agent (its node selector, its tolerations), and start the VM again: netbind doctor looks at all nodes";
  if (agent === undefined)
    return failed(
      "none is on the node",
      isError("AGENT_MISSING", {
        object,
        problem: `no node agent is on node ${JSON.stringify(node)}: the pod waits for it`,
        fix,
      }),
    );
  const problem = `the agent on node ${JSON.stringify(node)} is not ready: ${agentState(agent)}`;
  return failed(agentState(agent), isError("AGENT_NOT_READY", { object: objectOf("Pod", agent), problem, fix }));
}

/** True where KubeVirt gave up a VM that waited for its sidecars. */
function hasTimedOut(facts: VmFacts): boolean {
  const [scheduled, end] = [phaseTime(facts, "Scheduled"), phaseTime(facts, "Failed")];
  const ranEver = phaseTime(facts, "Running") !== undefined;
  return !ranEver && scheduled !== undefined && end !== undefined && end - scheduled >= LAUNCH_DEADLINE - CLOCKS;
}

function attachStep({ facts, now }: StepContext): Outcome {
  if (!needsAgent(facts)) return ok("KubeVirt wires the VM's NICs itself");
  const word = agentWord(facts);
  const refusal = word && attachFinding(word);
  if (refusal !== undefined) return failed(word?.reason ?? "", refusal);
  if (word !== undefined) return ok(`${word.reason}: ${word.message}`);
  const phase = phaseOf(facts);
  if (phase === "Running") return ok("the guest runs; the agent's events are gone");
  if (facts.unknown.events) return { state: "unknown", says: "events may not be looked at" };
  const object = subjectOf(facts);
  if (hasTimedOut(facts)) {
    const problem =
      "no node agent attached the pod within three minutes, so no hook socket appeared, and KubeVirt failed the VM";
    const fix = "see that an agent is on the node and what its log says, and start the VM again";
    return failed("KubeVirt gave up after three minutes", isError("ATTACH_TIMED_OUT", { object, problem, fix }));
  }
  const since = phaseTime(facts, "Scheduled");
  const waited = since === undefined ? "" : ` for ${ageOf(since, now)}`;
  const problem = `the pod waits${waited} for the node agent: its sidecars open their hook sockets once they are attached; KubeVirt fails the VM after three minutes`;
  const [agent] = listed(facts.agents);
  const fix = `see the agent's log: kubectl logs -n ${textAt(agent, "metadata", "namespace")} ${textAt(agent, "metadata", "name")}`;
  return {
    state: "waits",
    says: `for the agent${waited}`,
    findings: [isWarning("ATTACH_WAITING", { object, problem, fix })],
  };
}

function guestStep({ facts }: StepContext): Outcome {
  const phase = phaseOf(facts);
  if (phase === "Running") return ok("Running");
  if (phase !== "Failed" && phase !== "Succeeded") return { state: "waits", says: phase };
  const object = subjectOf(facts);
  const said = lastWarning(facts);
  const problem = `the VM is ${phase}${said === undefined ? "" : `: ${said.message}`}`;
  const fix = `see the launcher's log: kubectl logs ${textAt(facts.pod, "metadata", "name")} -n ${object.namespace} -c compute`;
  return failed(phase, isError("GUEST_FAILED", { object, problem, fix }));
}

/** A step that looks at the VM's pod. */
const ofPod =
  (judge: (context: StepContext) => Outcome): ((context: StepContext) => Outcome) =>
  (context) =>
    context.facts.unknown.pods ? { state: "unknown", says: "pods may not be looked at" } : judge(context);

/** The steps on a VM's way to its network, in their order. */
export const STEPS: readonly (readonly [name: string, judge: (context: StepContext) => Outcome])[] = [
  ["spec", specStep],
  ["VMI", vmiStep],
  ["pod", ofPod(podStep)],
  ["containers", ofPod(containerStep)],
  ["node agent", ofPod(agentStep)],
  ["attach", ofPod(attachStep)],
  ["guest", guestStep],
];
