import { scaledTimeout } from "@netbind/netns";
import { attachSidecar, type SidecarLocation } from "@netbind/remote/sidecar";
import { type HostPodRecord, plannedNics } from "../record/host-pod-record.ts";

/** A sidecar of a pod whose NICs are recorded. */
export interface RecordedSidecar {
  readonly location: SidecarLocation;
  /** The name under which the binding is registered. */
  readonly binding: string;
  /** The VM that the pod is of. */
  readonly vm: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly record: HostPodRecord;
}

/**
 * Hands a sidecar the NICs of its binding, as they are recorded. Takes uid 0.
 *
 * @throws BindingError UNAVAILABLE where its socket is not there or not to be trusted, else the sidecar's own
 */
export async function attachPodSidecar({
  location,
  binding,
  vm: { namespace, name, uid },
  record,
}: RecordedSidecar): Promise<void> {
  const nics = plannedNics(record, (nic) => record.bindings[nic] === binding);
  await attachSidecar({ ...location, timeoutScale: scaledTimeout(1) }, { namespace, name, uid, nics });
}
