import { existsSync } from "node:fs";
import { BindingError } from "@netbind/contract";
import { Alarm, type Cluster, type ClusterSnapshot, WorkQueue, type Tried, type Unreadable } from "@netbind/kube";
import { DamagedRecordError } from "@netbind/pod";
import { MissingEntryError } from "@netbind/remote/sidecar";
import { attachPod, type AttachOutcome } from "./pod/attach-pod.ts";
import type { AgentContext } from "./pod/pod-work.ts";
import { failuresOf } from "./binding/binding-failures.ts";
import { findLauncherPods, isOver, isEnding, type LauncherPod } from "./launcher-pods.ts";
import { AgentError, NotReadyError } from "./errors.ts";
import { eventTexts } from "./event-reasons.ts";
import { SidecarArrivals } from "./pod/sidecar-arrivals.ts";
import { sidecarLocation } from "./pod/sidecar-paths.ts";
import { gonePods, teardownPod } from "./pod/teardown-pod.ts";
import type { AgentMeter } from "./agent-metrics.ts";
import { EventRecorder, type PodEvent, type Report } from "./event-recorder.ts";

/** What a node agent is made of. */
export interface NodeAgentParts extends AgentContext {
  readonly cluster: Cluster;
  /** The name of this node in the cluster. */
  readonly node: string;
  readonly report: Report;
  /** Called where the cluster cannot be read, once for each reason: nothing is done and nothing undone. */
  readonly unreachable: (error: unknown) => void;
  /** The metrics to update; absent: none are kept. */
  readonly meter?: AgentMeter;
  /** Called for each object that is left out, once for as long as it is. */
  readonly unreadable: (object: Unreadable) => void;
}

/** How often the cluster is looked at where nothing is heard of it, and how often an attached pod, in milliseconds. */
const TICK = 500;
const MAINTENANCE = 30_000;
/** Without a look for so long, the agent hangs. */
const STUCK = 60_000;
/**
 * How long a pod may be on its way before that is worth a Warning, in milliseconds. It is listed by its VMI in a fraction of a
 * second, and has its sidecars in a few; while it is Pending its images are pulled, and the kubelet says what is wrong with that.
 */
const ON_ITS_WAY = { pending: 300_000, other: 60_000 } as const;

/** Attaches the launcher pods of one node, keeps them as recorded, and undoes what was done for those that are gone. */
export class NodeAgent {
  readonly #parts: NodeAgentParts;
  readonly #tasks = new WorkQueue(MAINTENANCE);
  readonly #alarm = new Alarm();
  readonly #arrivals = new SidecarArrivals((pod) => {
    this.#tasks.hasten(pod);
    this.#alarm.ring();
  });
  readonly #reporter: EventRecorder;
  /** Since when a pod waits, by its UID. */
  readonly #waiting = new Map<string, number>();
  /** The pods that this agent has had to do with. */
  readonly #seen = new Set<string>();
  #tickedAt = performance.now();
  #isReadable = false;
  /** Why the cluster cannot be read, as it was said. */
  #unreachable: string | undefined;
  #reportedUnreadable: ReadonlySet<string> = new Set();

  constructor(parts: NodeAgentParts) {
    this.#parts = parts;
    this.#reporter = new EventRecorder(parts.report);
  }

  /** What is wrong with the agent itself: it does not look at its cluster any more. */
  get stuck(): string | undefined {
    const idle = performance.now() - this.#tickedAt;
    return idle > STUCK ? `the agent has not looked at its cluster for ${Math.round(idle / 1000)} s` : undefined;
  }

  /** Why the agent cannot work now; undefined: it knows its cluster. The log says more than anybody may ask. */
  get unready(): string | undefined {
    return this.#isReadable ? undefined : "the agent cannot read its cluster: see its log";
  }

  /** Looks at the cluster when it changes and every now and then, until it is stopped; then finishes what it has begun. */
  async run(signal: AbortSignal): Promise<void> {
    this.#parts.cluster.onChange?.(() => this.#alarm.ring());
    const looking = this.#arrivals.run(signal);
    while (!signal.aborted) {
      await this.tick();
      await this.#alarm.wait(TICK, signal);
    }
    await Promise.all([looking, this.#tasks.idle()]);
  }

  /** Starts what is due for each pod. Waits for none. */
  async tick(): Promise<void> {
    const { cluster, node, state, unreachable } = this.#parts;
    this.#tickedAt = performance.now();
    let snapshot: ClusterSnapshot;
    try {
      snapshot = await cluster.snapshot();
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#unreachable) unreachable(error);
      this.#unreachable = message;
      this.#isReadable = false;
      return;
    }
    this.#unreachable = undefined;
    this.#isReadable = true;
    this.#recordUnreadable(snapshot.unreadable);
    this.#parts.bindings.follow(snapshot.networkBindings);
    const pods = findLauncherPods(snapshot, node);
    const present = new Set(pods.map(({ pod }) => pod.metadata.uid));
    // A pod runs on, even if the registration that names its sidecars changes.
    const listed = new Set(snapshot.pods.filter((pod) => !isOver(pod)).map(({ metadata }) => metadata.uid));
    const gone = mayBeGone(gonePods(state, listed), snapshot.unreadable);
    // Of one pod only one thing is done at a time.
    for (const work of pods.filter(({ pod }) => !this.#tasks.isRunning(releaseKey(pod.metadata.uid))))
      this.#tasks.start(work.pod.metadata.uid, () => this.#attach(work));
    for (const uid of gone.filter((one) => !this.#tasks.isRunning(one)))
      this.#tasks.start(releaseKey(uid), () => this.#release(uid));
    this.#tasks.retain(new Set([...present, ...gone.map(releaseKey)]));
    this.#arrivals.retain(present);
  }

  #recordUnreadable(unreadable: readonly Unreadable[]): void {
    const now = new Map(unreadable.map((one) => [`${one.what}: ${one.problem}`, one]));
    for (const [text, one] of now) if (!this.#reportedUnreadable.has(text)) this.#parts.unreadable(one);
    this.#reportedUnreadable = new Set(now.keys());
  }

  /** Waits until nothing is being done. */
  idle(): Promise<void> {
    return this.#tasks.idle();
  }

  async #attach(work: LauncherPod): Promise<Tried> {
    const { vmi, distrust } = work;
    const [first] = distrust;
    if (first !== undefined || vmi === undefined) {
      const message = distrust.map((one) => one.message).join("; ");
      const isEarly = distrust.every(({ early }) => early);
      if (!isEarly || this.#isLate(work)) this.#refuse(work, { reason: first?.reason ?? "VMI_MISSING", message });
      // Its VMI may not list it yet.
      return "requeue";
    }
    this.#arrivals.pause(work.pod.metadata.uid);
    try {
      const started = performance.now();
      const outcome = await attachPod(this.#parts, { ...work, vmi });
      if (outcome.did === "attached") this.#parts.meter?.attachedIn((performance.now() - started) / 1000);
      this.#recordOutcome(work, outcome);
      this.#waiting.delete(work.pod.metadata.uid);
      return "done";
    } catch (error) {
      const tried = this.#printFailures(work, error);
      if (tried === "requeue") this.#expectSidecars(work);
      return tried;
    }
  }

  /** Has a pod tried again as soon as one of its sidecars gets further. */
  #expectSidecars({ pod, sidecars }: LauncherPod): void {
    const { kubelet } = this.#parts;
    const { uid } = pod.metadata;
    if (!existsSync(kubelet)) return;
    this.#arrivals.expect(
      uid,
      sidecars.map((sidecar) => sidecarLocation(kubelet, uid, sidecar)),
    );
  }

  #recordOutcome(work: LauncherPod, { did, repaired, nics, warnings }: AttachOutcome): void {
    const first = !this.#seen.has(work.pod.metadata.uid);
    this.#seen.add(work.pod.metadata.uid);
    this.#parts.meter?.attached(this.#seen.size);
    if (repaired.length > 0) this.#parts.meter?.repaired();
    if (did === "attached") this.#tell(work, { reason: "ATTACHED", message: `NICs ${nics.join(", ")} are attached` });
    for (const warning of warnings) this.#tell(work, warning);
    if (repaired.length > 0) this.#tell(work, { reason: "REPAIRED", message: `repaired: ${repaired.join(", ")}` });
    else if (did === "taken-over" && first)
      this.#tell(work, { reason: "TAKEN_OVER", message: `NICs ${nics.join(", ")} are as recorded` });
  }

  /** Records each binding that failed as an event of its own: different people repair them. */
  #printFailures(work: LauncherPod, error: unknown): Tried {
    const tried = failuresOf(error).map((one) => this.#printFailure(work, one));
    return tried.includes("failed") ? "failed" : "requeue";
  }

  #printFailure(work: LauncherPod, error: unknown): Tried {
    const isMissing = error instanceof NotReadyError || error instanceof MissingEntryError;
    if (isMissing && !this.#isLate(work)) return "requeue";
    this.#refuse(work, eventOf(error));
    return isMissing || (error instanceof BindingError && error.code === "UNAVAILABLE") ? "requeue" : "failed";
  }

  /** True where a pod waits for longer than any pod does for what it has not yet; never for one that is about to go. */
  #isLate({ pod }: LauncherPod): boolean {
    const { uid } = pod.metadata;
    const since = this.#waiting.get(uid) ?? performance.now();
    this.#waiting.set(uid, since);
    const limit = pod.status?.phase === "Pending" ? ON_ITS_WAY.pending : ON_ITS_WAY.other;
    return performance.now() - since >= limit && !isEnding(pod);
  }

  async #release(uid: string): Promise<Tried> {
    try {
      await teardownPod(this.#parts.state, uid);
      this.#reporter.forget(uid);
      this.#waiting.delete(uid);
      this.#seen.delete(uid);
      this.#parts.meter?.attached(this.#seen.size);
      return "done";
    } catch (error) {
      this.#reporter.record({ pod: { namespace: "", name: "", uid }, ...completed(eventOf(error)) });
      return "failed";
    }
  }

  /** Says why a pod is not attached, and counts what is said. */
  #refuse(work: LauncherPod, event: PlainEvent): void {
    if (this.#tell(work, event)) this.#parts.meter?.refused(event.reason);
  }

  /** True where that is new. */
  #tell({ pod, vmi, distrust }: LauncherPod, event: PlainEvent): boolean {
    const { namespace, name, uid } = pod.metadata;
    // What a pod says of its VMI is not believed where anything speaks against it.
    const trusted = distrust.length > 0 || vmi === undefined ? undefined : vmi.metadata;
    const about = trusted === undefined ? {} : { vmi: { name: trusted.name, uid: trusted.uid } };
    return this.#reporter.record({ pod: { namespace, name, uid }, ...about, ...completed(event) });
  }
}

/** Of pods that are not seen, those that are gone for sure: nothing that cannot be read may be one of them. */
function mayBeGone(unseen: readonly string[], unreadable: readonly Unreadable[]): readonly string[] {
  if (unreadable.some(({ uid }) => uid === undefined)) return [];
  return unseen.filter((pod) => unreadable.every(({ uid }) => uid !== pod));
}

const releaseKey = (uid: string): string => `release ${uid}`;

/** An event without what its reason says of it. */
type PlainEvent = Pick<PodEvent, "reason" | "message" | "hint">;

const completed = (event: PlainEvent): Omit<PodEvent, "pod"> => ({ ...eventTexts(event.reason), ...event });

/** The event of what was thrown, by its code. */
function eventOf(error: unknown): PlainEvent {
  const { message } = error as Error;
  if (error instanceof BindingError) return { reason: error.code, message, hint: error.hint };
  if (error instanceof DamagedRecordError) return { reason: "RECORD_UNREADABLE", message };
  return { reason: error instanceof AgentError ? error.reason : "ATTACH_FAILED", message };
}
