import { type ApiClient, ApiError, NETWORK_BINDINGS, typeOf } from "@netbind/kube";
import { defined } from "@netbind/contract";
import { sameValue } from "@netbind/kubevirt";
import type { NetworkBinding } from "../network-binding.ts";
import { FIELD_MANAGER } from "../registration/registry.ts";

/** Whether bindings are undone before they go: an object with this one stays until it is removed. */
export const FINALIZER = "netbind.dev/registration";

const isGone = (error: unknown): boolean => error instanceof ApiError && error.status === 404;

/** Writes a binding's status where it is another one. What is gone meanwhile needs none. */
export async function writeStatus(
  client: ApiClient,
  binding: NetworkBinding,
  status: NetworkBinding["status"],
  signal: AbortSignal,
): Promise<void> {
  const { image, conditions } = binding.status;
  if (sameValue(defined({ image, conditions }), status)) return;
  const { name, uid } = binding;
  const body = { ...typeOf(NETWORK_BINDINGS), metadata: { name, uid }, status };
  const place = { resource: NETWORK_BINDINGS, name, subresource: "status" } as const;
  // The status is nobody else's.
  const query = { fieldManager: FIELD_MANAGER, force: "true" };
  try {
    await client.request({ ...place, verb: "patch", patch: "apply", query, body, signal });
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** Adds this finalizer to a binding, or removes it. */
export async function writeFinalizer(
  client: ApiClient,
  { name, resourceVersion, finalizers }: NetworkBinding,
  isWanted: boolean,
  signal: AbortSignal,
): Promise<void> {
  const others = finalizers.filter((one) => one !== FINALIZER);
  const metadata = { resourceVersion, finalizers: isWanted ? [...others, FINALIZER] : others };
  try {
    await client.request({ resource: NETWORK_BINDINGS, name, verb: "patch", body: { metadata }, signal });
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}
