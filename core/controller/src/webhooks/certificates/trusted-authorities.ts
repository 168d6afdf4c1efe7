import { X509Certificate } from "node:crypto";
import { type ApiClient, type ApiObject, MUTATING_WEBHOOKS, Reflector } from "@netbind/kube";
import { isObject } from "@netbind/contract/shape";
import { readBundle } from "./certificate-secret.ts";

/** What authorities are followed with. */
export interface TrustedParts {
  readonly client: ApiClient;
  /** The webhook configuration that is read: the last one that is written. */
  readonly name: string;
  readonly onChange: () => void;
  readonly onProblem?: (what: string, problem: string | undefined) => void;
}

/** Milliseconds after which all API servers have heard of a configuration. */
export const HEARD = 10_000;
/** Milliseconds for which an authority stays trusted that certifies no more: longer than a replica follows nothing unnoticed. */
const RETIRING = 600_000;
/** The most of them: each is a part of every configuration. */
const MOST = 8;

/** The authorities that a configuration tells API servers to trust. */
function authoritiesIn({ webhooks }: ApiObject): readonly string[] {
  const [first] = Array.isArray(webhooks) ? webhooks.filter(isObject) : [];
  const config = first?.["clientConfig"];
  const bundle = isObject(config) ? config["caBundle"] : undefined;
  return typeof bundle === "string" ? readBundle(bundle) : [];
}

/** True for a certificate that is in force. */
export function isInForce(pem: string, now: number): boolean {
  try {
    const { validFrom, validTo } = new X509Certificate(pem);
    return Date.parse(validFrom) <= now && now < Date.parse(validTo);
  } catch {
    return false;
  }
}

/**
 * The authorities that API servers trust, by the word of a webhook configuration. Where another program changes the
 * certificate and its authority at once, as cert-manager does, each replica learns here from when on it may show the new one.
 */
export class TrustedAuthorities {
  readonly #configurations: Reflector<readonly string[]>;
  /** Since when a configuration has each, and since when each certifies no more: milliseconds of a clock that only goes on. */
  readonly #since = new Map<string, number>();
  readonly #retiredAt = new Map<string, number>();

  constructor({ client, name, onChange, onProblem }: TrustedParts) {
    this.#configurations = new Reflector({
      ...{ client, resource: MUTATING_WEBHOOKS, selector: { fieldSelector: `metadata.name=${name}` } },
      read: authoritiesIn,
      onChange: () => {
        this.#note(performance.now());
        onChange();
      },
      onProblem: (problem) => onProblem?.(MUTATING_WEBHOOKS.plural, problem),
    });
  }

  /** Follows until it is stopped. Never rejects. */
  async follow(signal: AbortSignal): Promise<void> {
    await this.#configurations.run(signal);
  }

  /** True once it is known what is trusted, or that it cannot be known. */
  get isKnown(): boolean {
    return this.#configurations.isSynced || this.#configurations.problem !== undefined;
  }

  /** True where all API servers trust all of these. */
  has(authorities: readonly string[]): boolean {
    const heard = performance.now() - HEARD;
    return authorities.every((pem) => (this.#since.get(pem) ?? Infinity) <= heard);
  }

  /** What to trust beside the authorities that certify now: those of before, until no replica shows what they certified. */
  retiring(current: readonly string[]): readonly string[] {
    const now = performance.now();
    for (const pem of current) this.#retiredAt.delete(pem);
    const others = [...this.#since.keys()].filter((pem) => !current.includes(pem) && isInForce(pem, Date.now()));
    return others
      .filter((pem) => {
        const since = this.#retiredAt.get(pem) ?? now;
        this.#retiredAt.set(pem, since);
        return now - since < RETIRING;
      })
      .slice(-MOST);
  }

  #note(now: number): void {
    const all = this.#configurations.objects.flat();
    for (const pem of this.#since.keys()) if (!all.includes(pem)) this.#since.delete(pem);
    for (const pem of all) if (!this.#since.has(pem)) this.#since.set(pem, now);
  }
}
