import { registrationsOf } from "@netbind/kubevirt";
import {
  Alarm,
  type ApiEvent,
  backoff,
  EventWriter,
  KUBEVIRTS,
  NETWORK_BINDINGS,
  pause,
  ProblemReport,
  Reflector,
} from "@netbind/kube";
import type { ControllerMeter } from "./controller-metrics.ts";
import { chooseKubevirt, type KubevirtCr, readKubevirt } from "./kubevirt-cr.ts";
import { type NetworkBinding, readNetworkBinding } from "./network-binding.ts";
import { reconcile, type ReconcileParts } from "./reconcile.ts";
import { FIELD_MANAGER } from "./registration/registry.ts";
import { Reverts } from "./registration/reverts.ts";
import type { WaitingInputs } from "./waiting/plan-notices.ts";
import { ApiLookups } from "./webhooks/lookups.ts";
import { reviewContextOf } from "./webhooks/review-context.ts";
import type { Planner } from "./webhooks/ask-planners.ts";
import type { ReviewContext } from "./webhooks/review-vm.ts";

/** What a controller is made of. */
export interface ControllerParts extends Omit<ReconcileParts, "record" | "reverts"> {
  /** This replica, in events. */
  readonly host: string;
  /** The metrics to update; absent: none are kept. */
  readonly meter?: ControllerMeter;
  /** Called with what is wrong with what is followed or written, once for as long as it is; without a problem when it is over. */
  readonly onProblem?: (what: string, problem: string | undefined) => void;
}

/** Milliseconds: after which everything is looked at again, and after a failure. */
const RESYNC = 30_000;
/** A look that takes longer hangs. */
const STUCK = 120_000;
const BACKOFF = { first: 300, most: 30_000 } as const;

/** Follows a cluster's NetworkBindings and its KubeVirt CR. The one replica that leads writes. */
export class Controller {
  readonly #parts: ControllerParts;
  readonly #alarm = new Alarm();
  readonly #listeners: (() => void)[] = [];
  readonly #bindings: Reflector<NetworkBinding>;
  readonly #kubevirts: Reflector<KubevirtCr>;
  readonly #problem: ProblemReport;
  readonly #lookups: ApiLookups;
  readonly #reverts = new Reverts();
  /** Undefined: it is to be computed from what is followed. */
  #reviewContext: ReviewContext | undefined;
  /** When the look that goes on was begun. */
  #begun: number | undefined;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#problem = new ProblemReport((problem) => parts.onProblem?.("registrations", problem));
    const { client, namespace, onProblem } = parts;
    this.#lookups = new ApiLookups({ client, onProblem: (problem) => onProblem?.("what VMs name", problem) });
    parts.sockets?.onChange(() => this.#alarm.ring());
    const onChange = (): void => this.#change();
    this.#bindings = new Reflector({
      ...{ client, resource: NETWORK_BINDINGS, read: readNetworkBinding },
      onChange: () => {
        parts.sockets?.retain(new Set(this.#bindings.objects.map(({ name }) => name)));
        onChange();
      },
      onProblem: (problem) => onProblem?.(NETWORK_BINDINGS.plural, problem),
    });
    this.#kubevirts = new Reflector({
      ...{ client, resource: KUBEVIRTS, namespace, onChange },
      read: readKubevirt,
      onProblem: (problem) => onProblem?.(KUBEVIRTS.plural, problem),
    });
  }

  /** Calls a listener too whenever what is followed has changed. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  #change(): void {
    this.#reviewContext = undefined;
    this.#alarm.ring();
    for (const listener of this.#listeners) listener();
  }

  /** Why what is followed is not known; undefined: it is. */
  get unready(): string | undefined {
    const missing = [this.#bindings, this.#kubevirts].filter(({ isSynced }) => !isSynced);
    return missing.length === 0
      ? undefined
      : missing.map(({ problem }) => problem ?? "the cluster is being listed").join("; ");
  }

  /** What the controller hangs at; undefined: at nothing. */
  get stuck(): string | undefined {
    const milliseconds = this.#begun === undefined ? 0 : performance.now() - this.#begun;
    return milliseconds > STUCK ? `a look at the bindings takes more than ${STUCK / 1000} s` : undefined;
  }

  /** Follows the cluster until it is stopped. Never rejects. */
  async follow(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#bindings.run(signal), this.#kubevirts.run(signal)]);
  }

  /** Registers bindings as the one that leads, until it is stopped. Never rejects. */
  async lead(signal: AbortSignal): Promise<void> {
    const { client, host, onProblem } = this.#parts;
    const source = { component: FIELD_MANAGER, host };
    const writer = new EventWriter(client, { ...source, onProblem: (problem) => onProblem?.("events", problem) });
    let failures = 0;
    while (!signal.aborted) {
      if (this.unready === undefined) failures = (await this.#reconcile(writer, signal)) ? 0 : failures + 1;
      if (failures === 0) await this.#alarm.wait(Math.min(RESYNC, this.#reverts.settlesIn), signal);
      else await pause(backoff(failures, BACKOFF), signal);
    }
    await writer.end();
  }

  async #reconcile(writer: EventWriter, signal: AbortSignal): Promise<boolean> {
    this.#begun = performance.now();
    const followed = { bindings: this.#bindings.objects, kubevirt: this.#kubevirt?.name };
    try {
      const record = (event: ApiEvent): void => writer.write(event);
      await reconcile({ ...this.#parts, record, reverts: this.#reverts }, followed, signal);
      this.#problem.set(undefined);
      this.#parts.meter?.reconciled(true);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      this.#problem.set((error as Error).message);
      this.#parts.meter?.reconciled(false);
      return false;
    } finally {
      this.#begun = undefined;
    }
  }

  get #kubevirt(): KubevirtCr | undefined {
    return chooseKubevirt(this.#kubevirts.objects);
  }

  /** What is known of bindings, of whatever age; nothing is known to be registered before everything was listed once. */
  get known(): Pick<WaitingInputs, "bindings" | "registered"> {
    const kubevirt = this.unready === undefined ? this.#kubevirt : undefined;
    const registered = kubevirt && new Set(Object.keys(registrationsOf(kubevirt.configuration)));
    return { bindings: this.#bindings.objects, registered };
  }

  /** What VMs are reviewed by; undefined before everything was listed once, and in a cluster without a KubeVirt CR. */
  get reviewContext(): ReviewContext | undefined {
    this.#reviewContext ??= this.#newReviewContext();
    return this.#reviewContext;
  }

  #newReviewContext(): ReviewContext | undefined {
    const kubevirt = this.unready === undefined ? this.#kubevirt : undefined;
    if (kubevirt === undefined) return undefined;
    const bindings = this.#bindings.objects;
    const names = new Set(bindings.map(({ name }) => name));
    const { release, sockets } = this.#parts;
    // A VM may name anything: only a NetworkBinding's name leads to a socket.
    const planners = (name: string): Planner | undefined =>
      release.get(name) ?? (names.has(name) ? sockets?.planner(name) : undefined);
    return { ...reviewContextOf(kubevirt, bindings, release), lookups: this.#lookups, planners };
  }
}
