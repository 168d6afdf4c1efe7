import { type ApiClient, listObjects, NETWORK_BINDINGS, pause } from "@netbind/kube";
import { type NetworkBinding, readNetworkBinding } from "../network-binding.ts";
import type { Reason } from "../status/conditions.ts";

const LOOK = 250;
/** What goes by itself a moment after an installation: an operator copies what was written, a third party's process starts. */
const PASSING: readonly Reason[] = ["NotPropagated", "Silent", "SocketMissing"];

/** True for a binding of which the controller has said what will stay so: it is ready, or an administrator has to act. */
function isSettled({ generation, status: { conditions = [] } }: NetworkBinding): boolean {
  const current = conditions.filter((one) => one.observedGeneration === generation);
  const ready = current.find(({ type }) => type === "Ready");
  return ready !== undefined && !PASSING.some((reason) => reason === ready.reason);
}

/**
 * Waits until the controller has registered bindings, or has said why it does not, for so many milliseconds at most: VMs
 * can name them then. Gives those that it has said nothing final of.
 */
export async function awaitBindings(
  client: ApiClient,
  names: readonly string[],
  timeout: number,
): Promise<readonly string[]> {
  const deadline = performance.now() + timeout;
  for (;;) {
    const bindings = await listObjects(client, { resource: NETWORK_BINDINGS, read: readNetworkBinding });
    const settled = new Set(bindings.filter(isSettled).map(({ name }) => name));
    const left = names.filter((name) => !settled.has(name));
    if (left.length === 0 || performance.now() > deadline) return left;
    await pause(LOOK, AbortSignal.timeout(timeout));
  }
}
