import { ApiError, type ApiClient, type ApiObject, listObjects, type ListRequest, type Place } from "@netbind/kube";

/** What a look at a cluster gave: what is there, that the cluster does not have such a thing, or why it is not known. */
export type Look<T> = { readonly seen: T } | { readonly absent: true } | Unknown;

/** A look that failed. */
export interface Unknown {
  readonly unknown: string;
  readonly error: ApiError;
}

const NOT_FOUND = 404;

/** What was seen; undefined where nothing was. */
export const seenOf = <T>(look: Look<T>): T | undefined => ("seen" in look ? look.seen : undefined);

/** The objects that were seen; none where nothing was. */
export const listed = <T>(look: Look<readonly T[]>): readonly T[] => seenOf(look) ?? [];

/**
 * Looks at a cluster, and never changes it. What may not be looked at costs that look: it is remembered why, and the others
 * go on.
 */
export class Looks {
  readonly #client: ApiClient;
  readonly #notChecked = new Set<string>();

  constructor(client: ApiClient) {
    this.#client = client;
  }

  /** What could not be looked at, in sentences. */
  get notChecked(): readonly string[] {
    return [...this.#notChecked];
  }

  /** Says that something could not be looked at. */
  miss(what: string): void {
    this.#notChecked.add(what);
  }

  /** Objects of a kind. `absent`: the cluster does not serve it. */
  list<T>(request: ListRequest<T>): Promise<Look<readonly T[]>> {
    return this.#look(() => listObjects(this.#client, request));
  }

  /** One object. `absent`: it is not there. */
  get(place: Place): Promise<Look<ApiObject>> {
    return this.#look(async () => (await this.#client.request({ ...place, verb: "get" })) as ApiObject);
  }

  async #look<T>(ask: () => Promise<T>): Promise<Look<T>> {
    try {
      return { seen: await ask() };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === NOT_FOUND) return { absent: true };
      this.miss(error.message);
      return { unknown: error.message, error };
    }
  }
}
