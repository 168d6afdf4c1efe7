import { isObject } from "@netbind/contract/shape";
import { type ApiClient, listObjects, NETWORK_BINDINGS, pause, typeOf } from "@netbind/kube";
import { isMissing } from "./is-missing.ts";
import { LifecycleError } from "./lifecycle-error.ts";

/** Whose NetworkBindings are an installation's: only these are deleted when its values name them no more. */
const MANAGER = "netbind-chart";
const LABEL = { "app.kubernetes.io/managed-by": MANAGER } as const;
const OWN = { resource: NETWORK_BINDINGS, labelSelector: `app.kubernetes.io/managed-by=${MANAGER}` } as const;

/** Milliseconds: API servers serve a new kind a moment after it is made. */
const SERVED_WITHIN = 60_000;
const RETRY = 1000;

/** The specs of NetworkBindings by name. */
export type BindingSpecs = Readonly<Record<string, object>>;

/** Reads a file of them. @throws LifecycleError */
export function readSpecs(file: string, read: () => string): BindingSpecs {
  try {
    const value: unknown = JSON.parse(read());
    if (isObject(value) && Object.values(value).every(isObject)) return value as BindingSpecs;
  } catch (error) {
    throw new LifecycleError(`${file}: ${(error as Error).message}`);
  }
  throw new LifecycleError(`${file}: it is not an object of specs by name, as {"passt": {"fallback": "Always"}}`);
}

async function apply(client: ApiClient, name: string, spec: object): Promise<void> {
  const body = { ...typeOf(NETWORK_BINDINGS), metadata: { name, labels: LABEL }, spec };
  const query = { fieldManager: MANAGER, force: "true", fieldValidation: "Strict" };
  await client.request({ resource: NETWORK_BINDINGS, name, verb: "patch", patch: "apply", query, body });
}

const remove = async (client: ApiClient, name: string): Promise<void> => {
  await client.request({ resource: NETWORK_BINDINGS, name, verb: "delete" }).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
  });
};

/** The names of the NetworkBindings that an installation has made. */
async function ownBindings(client: ApiClient): Promise<readonly string[]> {
  const deadline = performance.now() + SERVED_WITHIN;
  for (;;) {
    try {
      return await listObjects(client, { ...OWN, read: ({ metadata }) => metadata.name });
    } catch (error) {
      if (!isMissing(error) || performance.now() > deadline) throw error;
      await pause(RETRY, AbortSignal.timeout(SERVED_WITHIN));
    }
  }
}

/**
 * Makes an installation's NetworkBindings those of its values: others' stay, and so do fields that another manager has added.
 * Gives what was done, a line each.
 */
export async function applyBindings(client: ApiClient, specs: BindingSpecs): Promise<readonly string[]> {
  const before = await ownBindings(client);
  for (const [name, spec] of Object.entries(specs)) await apply(client, name, spec);
  const left = before.filter((name) => !Object.hasOwn(specs, name));
  for (const name of left) await remove(client, name);
  return [...Object.keys(specs).map((name) => `applied ${name}`), ...left.map((name) => `deleted ${name}`)];
}

/** Deletes an installation's NetworkBindings. */
export const deleteBindings = (client: ApiClient): Promise<readonly string[]> => applyBindings(client, {});
