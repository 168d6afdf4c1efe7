import type { ApiClient } from "../client/api-client.ts";
import { KUBEVIRTS, NETWORK_BINDINGS, PODS, type Resource, VMIS } from "../client/resource.ts";
import type { Cluster, ClusterSnapshot, KubePod, KubeVmi } from "../cluster.ts";
import { pause } from "./pause.ts";
import { readFields } from "./read-fields.ts";
import { Reflector, type ReflectorParts, type ReflectorTiming } from "./reflector.ts";
import { controllerOf, VmiLookups } from "./vmi-lookups.ts";

/** What a cluster's source is made of. */
export interface ApiClusterParts {
  readonly client: ApiClient;
  /** The name of the node whose pods are followed. */
  readonly node: string;
  /** Called with what is wrong with what is followed, once for as long as it is; without a problem when it is over. */
  readonly onProblem?: (followed: string, problem: string | undefined) => void;
  readonly timing?: Partial<ReflectorTiming>;
}

/** What KubeVirt labels a VMI with: the node that it runs on, and the one that it migrates to. */
const NODE_LABELS = ["kubevirt.io/nodeName", "kubevirt.io/migrationTargetNodeName"] as const;
/** Milliseconds between two looks for pods whose VMI is not followed. */
const LOOK = 100;

type Snapshots = Reflector<ClusterSnapshot>;

/** The pods of one node, their VMIs, the KubeVirt CR and the NetworkBindings, from the cluster's API server. */
export class ApiCluster implements Cluster {
  readonly #parts: ApiClusterParts;
  readonly #pods: Snapshots;
  readonly #vmis: readonly Snapshots[];
  readonly #kubevirts: Snapshots;
  readonly #networkBindings: Snapshots;
  readonly #lookups: VmiLookups;
  #listener = (): void => undefined;

  constructor(parts: ApiClusterParts) {
    this.#parts = parts;
    const { client, node, onProblem } = parts;
    // All of its pods: one that lost its label is not one that is gone.
    this.#pods = this.#follow(PODS, { fieldSelector: `spec.nodeName=${node}` });
    this.#vmis = NODE_LABELS.map((label) => this.#follow(VMIS, { labelSelector: `${label}=${node}` }));
    this.#kubevirts = this.#follow(KUBEVIRTS);
    // An agent may be installed without the controller, which brings their definition.
    this.#networkBindings = this.#follow(NETWORK_BINDINGS, {}, true);
    this.#lookups = new VmiLookups(client, {
      onProblem: (problem) => onProblem?.("VMIs by name", problem),
      onChange: () => this.#listener(),
    });
  }

  /** Follows the cluster until it is stopped. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const all = this.#all.map((one) => one.run(signal));
    while (!signal.aborted) {
      // Until its VMIs are listed, a node's every pod would seem to have one that is not followed.
      if (this.#vmis.every(({ isSynced }) => isSynced)) this.#lookups.look(this.#unfollowed(), signal);
      await pause(LOOK, signal);
    }
    await Promise.all(all);
  }

  onChange(listener: () => void): void {
    this.#listener = listener;
  }

  /** Waits until everything was listed once, or something cannot be. */
  async settled(signal: AbortSignal): Promise<void> {
    const isSettled = (): boolean =>
      this.#all.every(({ isSynced }) => isSynced) || this.#all.some(({ problem }) => problem !== undefined);
    while (!isSettled() && !signal.aborted) await pause(LOOK, signal);
  }

  /** What is known, of whatever age. @throws Error until everything was listed once */
  async snapshot(): Promise<ClusterSnapshot> {
    const missing = this.#all.filter(({ isSynced }) => !isSynced);
    if (missing.length > 0) throw new Error(missing.map(({ problem }) => problem ?? "it is being listed").join("; "));
    const followed = this.#followed();
    const looked = this.#lookups.vmis.filter(({ metadata }) => !followed.has(metadata.uid));
    const configured = this.#kubevirts.objects.map(({ configuration }) => configuration);
    return {
      pods: this.#listedPods(),
      vmis: [...followed.values(), ...looked],
      configuration: configured.at(-1) ?? {},
      networkBindings: this.#networkBindings.objects.flatMap(({ networkBindings }) => networkBindings),
      unreadable: [
        ...this.#all.flatMap(({ objects }) => objects.flatMap((one) => one.unreadable)),
        ...this.#lookups.unreadable,
      ],
    };
  }

  get #all(): readonly Snapshots[] {
    return [this.#pods, ...this.#vmis, this.#kubevirts, this.#networkBindings];
  }

  #follow(resource: Resource, selector: ReflectorParts<unknown>["selector"] = {}, mayBeAbsent = false): Snapshots {
    const { client, timing, onProblem } = this.#parts;
    return new Reflector({
      client,
      resource,
      selector,
      mayBeAbsent,
      read: readFields,
      onChange: () => this.#listener(),
      onProblem: (problem) => onProblem?.(resource.plural, problem),
      ...(timing === undefined ? {} : { timing }),
    });
  }

  #listedPods(): readonly KubePod[] {
    return this.#pods.objects.flatMap(({ pods }) => pods);
  }

  /** The VMIs with a label of this node, by UID. */
  #followed(): ReadonlyMap<string, KubeVmi> {
    const vmis = this.#vmis.flatMap(({ objects }) => objects.flatMap((one) => one.vmis));
    return new Map(vmis.map((vmi) => [vmi.metadata.uid, vmi]));
  }

  #unfollowed(): readonly KubePod[] {
    const followed = this.#followed();
    return this.#listedPods().filter((pod) => {
      const over = pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
      const controller = controllerOf(pod);
      return !over && controller !== undefined && !followed.has(controller.uid);
    });
  }
}
