import { Alarm, type ApiClient, type ApiObject, pause, ProblemReport, Reflector, SECRETS } from "@netbind/kube";
import { sameValue } from "@netbind/kubevirt";
import { missingKeys, readSecret, readServed, secretOf } from "./certificate-secret.ts";
import { type Lifetimes, rotate, type ServedCertificates } from "./rotate.ts";

/** What certificates are kept with. */
export interface CertificateParts {
  readonly client: ApiClient;
  /** Of the Secret. */
  readonly namespace: string;
  readonly name: string;
  /** True where another program writes the Secret, such as cert-manager: nothing is made or renewed here. */
  readonly isGiven?: boolean;
  /** The DNS names that API servers reach the webhooks by. */
  readonly names: readonly string[];
  /** Called with certificates that are other ones than before. */
  readonly onChange: (certificates: ServedCertificates) => void;
  /** True where the webhook configurations name these authorities, so that API servers trust them. */
  readonly isTrusted: (authorities: readonly string[]) => boolean;
  readonly onProblem?: (what: string, problem: string | undefined) => void;
  readonly lifetimes?: Lifetimes;
}

/** Milliseconds between two looks at what is stored, and after a failure. */
const LOOK = 60_000;
const AFTER_FAILURE = 2000;

/** Keeps the certificates of webhooks in a Secret, which all replicas follow, and the one that leads renews where none else does. */
export class CertificateKeeper {
  readonly #parts: CertificateParts;
  readonly #alarm = new Alarm();
  readonly #secrets: Reflector<ApiObject>;
  readonly #problem: ProblemReport;
  #known: ServedCertificates | undefined;

  constructor(parts: CertificateParts) {
    this.#parts = parts;
    const { client, namespace, name, onProblem } = parts;
    this.#problem = new ProblemReport((problem) => onProblem?.("certificates", problem));
    this.#secrets = new Reflector({
      ...{ client, resource: SECRETS, namespace, selector: { fieldSelector: `metadata.name=${name}` } },
      read: (object) => object,
      onChange: () => this.#take(),
      onProblem: (problem) => onProblem?.("secrets", problem),
    });
  }

  /** The certificates that are stored; undefined: none are yet. */
  get current(): ServedCertificates | undefined {
    return this.#known;
  }

  /** Looks at what is stored again: what API servers trust has changed. */
  ring(): void {
    this.#alarm.ring();
  }

  /** Follows the Secret until it is stopped. Never rejects. */
  async follow(signal: AbortSignal): Promise<void> {
    await this.#secrets.run(signal);
  }

  /** Renews what is due as the replica that leads, until it is stopped. Never rejects. */
  async lead(signal: AbortSignal): Promise<void> {
    if (this.#parts.isGiven === true) return;
    while (!signal.aborted) {
      const isDone = !this.#secrets.isSynced || (await this.#renew(signal));
      if (isDone) await this.#alarm.wait(Math.min(LOOK, (this.#parts.lifetimes?.server ?? LOOK) / 20), signal);
      else await pause(AFTER_FAILURE, signal);
    }
  }

  #take(): void {
    this.#alarm.ring();
    const [stored] = this.#secrets.objects;
    const certificates = stored === undefined ? undefined : readServed(stored);
    if (this.#parts.isGiven === true) this.#problem.set(this.#missing(stored));
    if (certificates === undefined || sameValue(certificates, this.#known)) return;
    this.#known = certificates;
    this.#parts.onChange(certificates);
  }

  /** What keeps a Secret of another program from being served. */
  #missing(stored: ApiObject | undefined): string | undefined {
    const { namespace, name } = this.#parts;
    if (stored === undefined) return `Secret ${namespace}/${name} does not exist: let what issues certificates make it`;
    const missing = missingKeys(stored);
    if (missing.length === 0) return undefined;
    return `the Secret ${namespace}/${name} has no ${missing.join(", ")}: use an issuer that gives them`;
  }

  async #renew(signal: AbortSignal): Promise<boolean> {
    const { client, namespace, name, names, isTrusted, lifetimes } = this.#parts;
    const [stored] = this.#secrets.objects;
    const current = stored === undefined ? undefined : readSecret(stored);
    const inputs = { now: new Date(), names, isTrusted: current !== undefined && isTrusted(current.authorities) };
    try {
      const next = await rotate(current, lifetimes === undefined ? inputs : { ...inputs, lifetimes });
      if (next === undefined) return true;
      const place = { resource: SECRETS, namespace, body: secretOf({ namespace, name }, next, stored), signal };
      if (stored === undefined) await client.request({ ...place, verb: "create" });
      else await client.request({ ...place, verb: "patch", name });
      this.#problem.set(undefined);
      return true;
    } catch (error) {
      if (!signal.aborted) this.#problem.set((error as Error).message);
      return false;
    }
  }
}
