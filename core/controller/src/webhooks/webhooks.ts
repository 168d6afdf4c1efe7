import { Alarm, type ApiClient, type ListenAddress, pause, ProblemReport } from "@netbind/kube";
import { sameValue } from "@netbind/kubevirt";
import { removedBindingsIn } from "@netbind/kubevirt/admission";
import { FIELD_MANAGER } from "../registration/registry.ts";
import { CertificateKeeper } from "./certificates/certificate-keeper.ts";
import type { Lifetimes, ServedCertificates } from "./certificates/rotate.ts";
import { HEARD, isInForce, TrustedAuthorities } from "./certificates/trusted-authorities.ts";
import { mutatePod } from "./mutate/mutate-pod.ts";
import { planVmPatch } from "./mutate/plan-vm-patch.ts";
import { type ReviewContext, reviewVm } from "./review-vm.ts";
import {
  FOLLOWED_CONFIGURATION,
  WEBHOOK_PATHS,
  type WebhookConfiguration,
  webhookConfigurations,
  type WebhookTarget,
} from "./webhook-configurations.ts";
import { type Review, type ServerCertificate, serveWebhooks, type WebhookServer } from "./webhook-server.ts";

/** What webhooks are made of. */
export interface WebhooksParts {
  readonly client: ApiClient;
  /** The controller's own namespace, which has the Secret of certificates. */
  readonly namespace: string;
  /** The Secret of certificates that another program writes; absent: the controller certifies itself. */
  readonly certificateSecret?: string;
  readonly listen: ListenAddress;
  readonly target: WebhookTarget;
  /** What VMs are reviewed by; undefined: it is not known yet. */
  readonly context: () => ReviewContext | undefined;
  /** The account that makes launcher pods: `system:serviceaccount:kubevirt:kubevirt-controller`. */
  readonly virtController: string;
  readonly onProblem?: (what: string, problem: string | undefined) => void;
  readonly lifetimes?: Lifetimes;
}

const SECRET = "netbind-webhooks";
/** Milliseconds between two looks at the configurations. */
const LOOK = 1000;
/** After which configurations are written again, in case that another has changed them. */
const REPEAT = 60_000;
const AFTER_FAILURE = 2000;

/** The DNS names, or the address, that API servers reach the webhooks by. */
const namesOf = (target: WebhookTarget): readonly string[] =>
  "url" in target
    ? [new URL(target.url).hostname.replace(/^\[|\]$/g, "")]
    : [`${target.service}.${target.namespace}.svc`, `${target.service}.${target.namespace}.svc.cluster.local`];

/** The webhooks of one replica: it answers API servers, and tells them of itself where it leads. */
export class Webhooks {
  readonly #parts: WebhooksParts;
  readonly #keeper: CertificateKeeper;
  readonly #served = new Alarm();
  readonly #problem: ProblemReport;
  /** Absent where the controller certifies itself: then it certifies by what API servers trust already. */
  readonly #trusted: TrustedAuthorities | undefined;
  #server: WebhookServer | undefined;
  /** What is shown. */
  #certificate: ServerCertificate | undefined;
  /** What is to be shown once API servers trust who certified it. */
  #next: ServedCertificates | undefined;
  /** What API servers were told last, and when that was another thing than before. */
  #told:
    | {
        readonly configurations: readonly WebhookConfiguration[];
        readonly authorities: readonly string[];
        readonly since: number;
      }
    | undefined;
  #writtenAt = 0;

  constructor(parts: WebhooksParts) {
    this.#parts = parts;
    const { client, namespace, target, onProblem, lifetimes, certificateSecret } = parts;
    this.#problem = new ProblemReport((problem) => onProblem?.("webhook configurations", problem));
    this.#keeper = new CertificateKeeper({
      ...{ client, namespace, name: certificateSecret ?? SECRET, names: namesOf(target) },
      isGiven: certificateSecret !== undefined,
      onChange: (certificates) => {
        this.#next = certificates;
        this.#show();
      },
      isTrusted: (authorities) => this.#isTrusted(authorities),
      ...(onProblem === undefined ? {} : { onProblem }),
      ...(lifetimes === undefined ? {} : { lifetimes }),
    });
    if (certificateSecret === undefined) return;
    const followed = { client, name: FOLLOWED_CONFIGURATION.name, onChange: () => this.#show() };
    this.#trusted = new TrustedAuthorities({ ...followed, ...(onProblem === undefined ? {} : { onProblem }) });
  }

  /** Why no API server is answered; undefined: they are. */
  get unready(): string | undefined {
    return this.#server === undefined ? "the webhooks have no certificate yet" : undefined;
  }

  /** Answers API servers until it is stopped. @throws ListenError */
  async follow(signal: AbortSignal): Promise<void> {
    const followed = Promise.all([this.#keeper.follow(signal), this.#trusted?.follow(signal), this.#renew(signal)]);
    while (this.#certificate === undefined && !signal.aborted) await this.#served.wait(REPEAT, signal);
    if (this.#certificate !== undefined) {
      const parts = { certificate: this.#certificate, reviews: this.#reviews() };
      await using server = await serveWebhooks(this.#parts.listen, parts);
      this.#server = server;
      await followed;
    }
    await followed;
  }

  /** Renews certificates, and tells API servers of the webhooks as the replica that leads. Never rejects. */
  async lead(signal: AbortSignal): Promise<void> {
    const kept = this.#keeper.lead(signal);
    while (!signal.aborted) await pause((await this.#tell(signal)) ? LOOK : AFTER_FAILURE, signal);
    await kept;
  }

  /** What is answered at each path. */
  #reviews(): ReadonlyMap<string, Review> {
    const { context, client, virtController } = this.#parts;
    const known =
      (review: (...of: [...Parameters<Review>, ReviewContext]) => ReturnType<Review>): Review =>
      (request) => {
        const current = context();
        return current && review(request, current);
      };
    return new Map([
      [WEBHOOK_PATHS.validate, known(reviewVm)],
      [WEBHOOK_PATHS.mutate, known(planVmPatch)],
      [WEBHOOK_PATHS.mutatePod, known((request, current) => mutatePod(request, current, { client, virtController }))],
    ]);
  }

  /** Shows the next certificate when that is due. */
  async #renew(signal: AbortSignal): Promise<void> {
    while (this.#trusted !== undefined && !signal.aborted) {
      this.#show();
      await pause(LOOK, signal);
    }
  }

  /**
   * Shows the next certificate, if there is one: where another program makes them, not before API servers trust who
   * certified it, as long as there is one that they do trust.
   */
  #show(): void {
    const next = this.#next;
    if (next === undefined) return;
    const isShown = this.#certificate !== undefined && isInForce(this.#certificate.cert, Date.now());
    if (this.#trusted !== undefined && isShown && !this.#trusted.has(next.authorities)) return;
    this.#next = undefined;
    this.#certificate = next.server;
    this.#server?.renew(next.server);
    this.#served.ring();
  }

  #isTrusted(authorities: readonly string[]): boolean {
    const told = this.#told;
    if (told === undefined || performance.now() - told.since < HEARD) return false;
    return authorities.every((pem) => told.authorities.includes(pem));
  }

  /** Tells API servers what they are to ask, of which names, and whom they are to trust. */
  async #tell(signal: AbortSignal): Promise<boolean> {
    const [certificates, context] = [this.#keeper.current, this.#parts.context()];
    if (certificates === undefined || context === undefined || this.#trusted?.isKnown === false) return true;
    const { authorities: current } = certificates;
    const authorities = [...current, ...(this.#trusted?.retiring(current) ?? [])];
    const { target, virtController } = this.#parts;
    const names = { names: [...context.ours], removed: removedBindingsIn(context.version) };
    const configurations = webhookConfigurations({ target, authorities, virtController, ...names });
    const isSame = sameValue(configurations, this.#told?.configurations);
    if (isSame && performance.now() - this.#writtenAt < REPEAT) return true;
    const problems = await this.#applyAll(configurations, signal);
    if (!signal.aborted) this.#problem.set(problems.length === 0 ? undefined : problems.join("; "));
    if (problems.length > 0) return false;
    this.#writtenAt = performance.now();
    if (!isSame) this.#told = { configurations, authorities, since: this.#writtenAt };
    return true;
  }

  /** Writes the configurations. Gives what is wrong: without the others, the one that replicas follow is not written. */
  async #applyAll(all: readonly WebhookConfiguration[], signal: AbortSignal): Promise<readonly string[]> {
    const isLast = ({ resource, name }: WebhookConfiguration): boolean =>
      resource === FOLLOWED_CONFIGURATION.resource && name === FOLLOWED_CONFIGURATION.name;
    const apply = async (some: readonly WebhookConfiguration[]): Promise<readonly string[]> => {
      const applied = await Promise.allSettled(some.map((one) => this.#apply(one, signal)));
      return applied.flatMap((one) => (one.status === "rejected" ? [(one.reason as Error).message] : []));
    };
    const problems = await apply(all.filter((one) => !isLast(one)));
    return problems.length > 0 && this.#trusted !== undefined
      ? problems
      : [...problems, ...(await apply(all.filter(isLast)))];
  }

  /** The configurations are nobody else's: an administrator's change is undone. */
  async #apply(configuration: WebhookConfiguration, signal: AbortSignal): Promise<void> {
    const query = { fieldManager: FIELD_MANAGER, force: "true" };
    await this.#parts.client.request({ ...configuration, verb: "patch", patch: "apply", query, signal });
  }
}
