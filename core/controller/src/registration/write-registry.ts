import type { ApiClient, ApiObject } from "@netbind/kube";
import { type Desired, planRegistry } from "./plan-registry.ts";
import { FIELD_MANAGER, type Registry } from "./registry.ts";

/** What a registry may take: what is undone, then what is written. */
const MOST_CHANGES = 2;

/**
 * Makes a registry what it is to be, as far as nobody else has a say in it. Gives it as it is then.
 *
 * @throws ApiError with status 409 where it was changed since it was read: nothing is lost by reading it again
 */
export async function writeRegistry(
  client: ApiClient,
  registry: Registry,
  desired: ReadonlyMap<string, Desired>,
  signal: AbortSignal,
): Promise<Registry> {
  let current = registry;
  for (let changes = 0; changes < MOST_CHANGES; changes++) {
    const change = planRegistry(current, desired);
    if (change === undefined) return current;
    const patch = change.kind === "apply" ? "apply" : "merge";
    const query = { fieldManager: FIELD_MANAGER };
    const answer = await client.request({ ...current.place, verb: "patch", patch, query, body: change.body, signal });
    current = { ...current, object: answer as ApiObject };
  }
  return current;
}
