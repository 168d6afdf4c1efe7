/** Objects as an API server is to have them: stored as `kubectl apply --server-side --force-conflicts` stores them, without a process for each time. */
import { waitUntil } from "@netbind/netns";
import { ApiError, type ApiServer } from "./api-server.ts";

interface AppliedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** A kind, as the API server says how it is reached. */
interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** Milliseconds until a kind is served whose definition is established. */
const SERVED_WITHIN = 10_000;
/** As kubectl has it: whatever the API server does not know is refused, not dropped. */
const QUERY = "fieldManager=kubectl&force=true&fieldValidation=Strict";

/** Where the kinds of a version of a group are. */
const groupPath = (apiVersion: string): string =>
  apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;

/** The kinds that a server has of a version of a group. */
async function resourcesOf(api: ApiServer, apiVersion: string): Promise<readonly Resource[]> {
  try {
    const { resources } = await api.request<{ readonly resources: readonly Resource[] }>({
      path: groupPath(apiVersion),
    });
    return resources.filter(({ name }) => !name.includes("/"));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return [];
    throw error;
  }
}

/** Makes objects, or changes them, one after the other. */
export class Applier {
  readonly #api: ApiServer;
  readonly #known = new Map<string, Resource>();

  constructor(api: ApiServer) {
    this.#api = api;
  }

  async apply(objects: readonly object[]): Promise<void> {
    for (const object of objects as readonly AppliedObject[]) {
      const path = `${await this.#pathOf(object)}?${QUERY}`;
      await this.#api.request({ method: "PATCH", path, body: object, contentType: "application/apply-patch+yaml" });
    }
  }

  async #pathOf({ apiVersion, kind, metadata }: AppliedObject): Promise<string> {
    const { name, namespaced } = await this.#resource(apiVersion, kind);
    const place = namespaced ? `/namespaces/${metadata.namespace ?? "default"}` : "";
    return `${groupPath(apiVersion)}${place}/${name}/${metadata.name}`;
  }

  async #resource(apiVersion: string, kind: string): Promise<Resource> {
    const key = `${apiVersion} ${kind}`;
    const find = async (): Promise<boolean> => {
      for (const one of await resourcesOf(this.#api, apiVersion)) this.#known.set(`${apiVersion} ${one.kind}`, one);
      return this.#known.has(key);
    };
    if (!this.#known.has(key) && !(await waitUntil(find, SERVED_WITHIN, 50)))
      throw new Error(`the API server has no kind ${kind} of ${apiVersion}`);
    return this.#known.get(key) as Resource;
  }
}
