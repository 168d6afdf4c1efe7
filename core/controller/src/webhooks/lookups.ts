import { type ApiClient, ApiError, type ApiObject, type Place, ProblemReport } from "@netbind/kube";
import { defined } from "@netbind/contract";
import { isObject } from "@netbind/contract/shape";

/** What came of looking for an object: it is there, it is not, or nobody knows. */
export type Looked = { readonly object: ApiObject } | "missing" | "unknown";

/** Where an object of a name is. */
export type NamedPlace = Place & { readonly name: string };

/** Finds objects that VMs name. */
export interface Lookups {
  /** Never rejects. */
  find(place: NamedPlace): Promise<Looked>;
}

/** What lookups are made of. */
export interface ApiLookupsParts {
  readonly client: Pick<ApiClient, "request">;
  /** Called with what cannot be read, once for as long as it is so; without a problem when it is over. */
  readonly onProblem?: (problem: string | undefined) => void;
  readonly bounds?: Partial<typeof BOUNDS>;
}

/**
 * Milliseconds for which a found object counts as it was, and for which one is waited for; the most objects that are kept,
 * and the longest, in characters: tenants write them.
 */
const BOUNDS = { fresh: 10_000, wait: 1000, most: 256, longest: 65_536 };

interface Kept {
  readonly looked: Promise<Looked>;
  readonly at: number;
}

/** What is read of an object: owners of fields are most of one. */
function picked({ metadata, spec }: Readonly<Record<string, unknown>>): ApiObject {
  const { name, namespace, annotations } = isObject(metadata) ? metadata : {};
  return { metadata: { name: String(name), ...defined({ namespace, annotations }) }, ...defined({ spec }) };
}

/** About how many characters a value has; written out it would take as much memory again. */
function lengthOf(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) return 1;
  return Object.entries(value).reduce((length, [key, one]) => length + key.length + lengthOf(one), 0);
}

const keyOf = ({ resource, namespace = "", name }: NamedPlace): string =>
  `${resource.plural}.${resource.group}/${namespace}/${name}`;

/**
 * Reads objects as VMs name them. Following all of them would take memory for each that no VM names, and a definition that
 * was made just before its VM would not be known yet; so what is missing is looked for each time.
 */
export class ApiLookups implements Lookups {
  readonly #client: ApiLookupsParts["client"];
  readonly #bounds: typeof BOUNDS;
  readonly #problem: ProblemReport;
  /** The oldest first. */
  readonly #kept = new Map<string, Kept>();

  constructor({ client, onProblem, bounds }: ApiLookupsParts) {
    this.#client = client;
    this.#bounds = { ...BOUNDS, ...bounds };
    this.#problem = new ProblemReport(onProblem);
  }

  async find(place: NamedPlace): Promise<Looked> {
    const key = keyOf(place);
    const kept = this.#kept.get(key);
    if (kept !== undefined && performance.now() - kept.at < this.#bounds.fresh) return await kept.looked;
    const looked = this.#read(place);
    this.#keep(key, { looked, at: performance.now() });
    const isKept = await looked.then((one) => typeof one === "object" && lengthOf(one.object) <= this.#bounds.longest);
    if (!isKept && this.#kept.get(key)?.looked === looked) this.#kept.delete(key);
    return await looked;
  }

  #keep(key: string, kept: Kept): void {
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > this.#bounds.most && oldest !== undefined) this.#kept.delete(oldest);
  }

  async #read(place: NamedPlace): Promise<Looked> {
    try {
      const signal = AbortSignal.timeout(this.#bounds.wait);
      const object = await this.#client.request({ ...place, verb: "get", signal });
      this.#problem.set(undefined);
      return { object: picked(object) };
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return "missing";
      this.#problem.set((error as Error).message);
      return "unknown";
    }
  }
}
