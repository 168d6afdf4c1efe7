/**
 * What counts of a VM's life, in what its VMI and its pod were written: KubeVirt's own controllers and the stand-ins write
 * the same, in the same order. Traces of the real ones are compared with it, and every journey on a test cluster.
 */
import type { ApiMoment } from "./api-history.ts";

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
}
/** What of a VMI, a pod or a migration is looked at. */
interface Watched {
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly spec?: { readonly nodeName?: string };
  readonly status?: {
    readonly phase?: string;
    readonly nodeName?: string;
    readonly activePods?: Readonly<Record<string, string>>;
    readonly conditions?: readonly Condition[];
    readonly interfaces?: readonly { readonly infoSource?: string; readonly podInterfaceName?: string }[];
    readonly migrationState?: Readonly<Record<string, unknown>>;
  };
}
type Facts = Readonly<Record<string, string | undefined>>;

const NODE = "kubevirt.io/nodeName";
const UNPAUSED = "kubevirt.io/virtual-machine-unpaused";

const conditionOf = ({ status }: Watched, type: string): Condition | undefined =>
  status?.conditions?.find((condition) => condition.type === type);
const saidOf = (condition: Condition | undefined): string | undefined =>
  condition === undefined ? undefined : [condition.status, condition.reason].filter(Boolean).join(" ");

/** Who told of a VMI's NICs; no guest of the tests has an agent. */
const sourcesOf = ({ status }: Watched): string | undefined =>
  status?.interfaces
    ?.map(({ infoSource = "", podInterfaceName }) =>
      [podInterfaceName, ...infoSource.split(", ").filter((source) => source !== "" && source !== "guest-agent")].join(
        " ",
      ),
    )
    .join(", ");

function factsOfVmi(vmi: Watched): Facts {
  const nodes = Object.values(vmi.status?.activePods ?? {});
  return {
    phase: vmi.status?.phase,
    "active pods": nodes.length === 0 ? undefined : nodes.map((node) => (node === "" ? "bound" : "on a node")).join(),
    ready: saidOf(conditionOf(vmi, "Ready")),
    interfaces: sourcesOf(vmi),
    node: vmi.status?.nodeName === undefined ? undefined : "named",
    label: vmi.metadata.labels?.[NODE] === undefined ? undefined : "named",
    deletion: vmi.metadata.deletionTimestamp === undefined ? undefined : "asked for",
  };
}

/** Of a pod's end the kubelet writes many things: what counts is that it has ended. */
function factsOfPod(pod: Watched): Facts {
  const ready = conditionOf(pod, "Ready")?.status === "True";
  return {
    node: pod.spec?.nodeName === undefined ? undefined : "named",
    unpaused: conditionOf(pod, UNPAUSED)?.status,
    ready: ready ? "True" : undefined,
    label: pod.metadata.labels?.[NODE] === undefined ? undefined : "named",
    deletion: pod.metadata.deletionTimestamp === undefined ? undefined : "asked for",
    end: pod.status?.phase === "Succeeded" ? "Succeeded" : undefined,
  };
}

/** What is looked at, by kind: what it is called, and what counts of it. */
type Watching = Readonly<Record<string, { readonly name: string; readonly facts: (object: Watched) => Facts }>>;

const LIFE: Watching = {
  VirtualMachineInstance: { name: "VMI", facts: factsOfVmi },
  Pod: { name: "pod", facts: factsOfPod },
};

const TARGET = "kubevirt.io/migrationTargetNodeName";
const JOB = "kubevirt.io/migrationJobUID";

/** True of a value that is there, in words. */
const said = (value: unknown, word: string): string | undefined => (value === undefined ? undefined : word);

function factsOfMoving({ metadata, status = {} }: Watched): Facts {
  const state = status.migrationState ?? {};
  const place = (node: string | undefined): string | undefined =>
    said(state["targetNode"] && node, node === state["targetNode"] ? "the target" : "the source");
  return {
    "active pods": Object.keys(status.activePods ?? {}).length > 1 ? "two" : undefined,
    "target label": said(state["targetPod"], metadata.labels?.[TARGET] === undefined ? "none" : "named"),
    "target pod": said(state["targetPod"], "named"),
    "target address": said(state["targetNodeAddress"], "named"),
    start: said(state["startTimestamp"], "told"),
    detected: said(state["targetNodeDomainDetected"], "true"),
    arrival: said(state["targetNodeDomainReadyTimestamp"], "told"),
    end: said(state["endTimestamp"], "told"),
    completed: said(state["completed"], "true"),
    node: place(status.nodeName),
    label: place(metadata.labels?.[NODE]),
  };
}

/** Of the pod that a guest migrates into. Its VMI's labels are copied to it, and with them the other node's name. */
function factsOfTarget(pod: Watched): Facts {
  const labels = pod.metadata.labels ?? {};
  const { node, unpaused } = factsOfPod(pod);
  const label = said(labels[NODE], labels[NODE] === pod.spec?.nodeName ? "its node" : "another node");
  return labels[JOB] === undefined ? {} : { node, unpaused, label };
}

const MOVE: Watching = {
  VirtualMachineInstance: { name: "VMI", facts: factsOfMoving },
  VirtualMachineInstanceMigration: { name: "migration", facts: ({ status }) => ({ phase: status?.phase }) },
  Pod: { name: "target pod", facts: factsOfTarget },
};

const isLauncher = ({ kind, object }: ApiMoment): boolean =>
  kind !== "Pod" || (object as unknown as Watched).metadata.name.startsWith("virt-launcher-");

/** A line for each write that changes a fact; of a pod each fact is told once. */
function milestones(moments: readonly ApiMoment[], watching: Watching): readonly string[] {
  const last = new Map<string, Facts>();
  const told = new Set<string>();
  return moments.filter(isLauncher).flatMap(({ type, kind, object }) => {
    const watched = watching[kind];
    if (watched === undefined) return [];
    const { name, facts } = watched;
    if (type === "DELETED") return [`${name}: gone`];
    const [before, now] = [last.get(name) ?? {}, facts(object as unknown as Watched)];
    last.set(name, now);
    const changes = Object.entries(now)
      .filter(([key, value]) => value !== undefined && before[key] !== value)
      .map(([key, value]) => `${key} ${value}`)
      .filter((change) => kind !== "Pod" || !told.has(change));
    if (kind === "Pod") for (const change of changes) told.add(change);
    return changes.length === 0 ? [] : [`${name}: ${changes.join(", ")}`];
  });
}

/** The milestones of one VM: `VMI: phase Scheduled, node named`. */
export const milestonesOf = (moments: readonly ApiMoment[]): readonly string[] => milestones(moments, LIFE);

/** The milestones of a VM that migrates. */
export const migrationMilestonesOf = (moments: readonly ApiMoment[]): readonly string[] => milestones(moments, MOVE);

/** The life of a VM with one NIC on the pod network, until its guest runs. */
export const START: readonly string[] = [
  "VMI: phase Pending",
  "pod: node named",
  "pod: unpaused True",
  "VMI: phase Scheduling, active pods bound, ready False GuestNotRunning",
  "VMI: active pods on a node",
  "pod: ready True",
  "VMI: phase Scheduled, interfaces eth0, node named, label named",
  "pod: label named",
  "VMI: phase Running, interfaces eth0 domain",
  "VMI: ready True",
];

/** Its end. */
export const END: readonly string[] = [
  "VMI: deletion asked for",
  "pod: deletion asked for",
  "VMI: ready False PodTerminating",
  "VMI: phase Succeeded",
  "pod: end Succeeded",
  "pod: gone",
  "VMI: gone",
];

/** A migration. */
export const MIGRATION: readonly string[] = [
  "migration: phase Pending",
  "target pod: label another node",
  "target pod: node named",
  "migration: phase Scheduling",
  "VMI: active pods two",
  "migration: phase Scheduled",
  "VMI: target label named, target pod named, node the source, label the source",
  "migration: phase PreparingTarget",
  "VMI: target address named",
  "migration: phase TargetReady",
  "VMI: start told",
  "migration: phase Running",
  "VMI: detected true",
  "VMI: arrival told",
  "VMI: end told, node the target, label the target",
  "target pod: unpaused True",
  "VMI: completed true",
  "target pod: label its node",
  "migration: phase Succeeded",
  "VMI: target label none",
];
