import { defined } from "@netbind/contract";
import { checkedPlanner } from "@netbind/engine";
import type { PodSidecar } from "../launcher-pods.ts";
import type { BindingRegistry, ServedBinding } from "./binding-registry.ts";

/** What came of looking for the bindings of a pod's sidecars. */
export interface FoundBindings {
  /** Those that are served here and answered, by registered name. */
  readonly served: ReadonlyMap<string, ServedBinding>;
  /** What was thrown for each of the others that are served here, or are to be. */
  readonly failures: readonly unknown[];
}

/** A binding for a sidecar. Where KubeVirt writes the NIC, the guest has the pod link's MAC address, whatever its binding would do. */
const servedFor = ({ binding, onTap, registration }: PodSidecar, served: ServedBinding): ServedBinding => ({
  ...served,
  takesPodMac: served.takesPodMac || onTap,
  planner: checkedPlanner(binding, served.planner, onTap),
  ...defined({ registration }),
});

/** Looks for the bindings of a pod's sidecars. One that fails hides none of the others. */
export async function findServed(bindings: BindingRegistry, sidecars: readonly PodSidecar[]): Promise<FoundBindings> {
  const found = await Promise.allSettled(
    sidecars.map(async (sidecar) => {
      const served = await bindings.find(sidecar.binding);
      return served === undefined ? undefined : ([sidecar.binding, servedFor(sidecar, served)] as const);
    }),
  );
  return {
    served: new Map(found.flatMap((one) => (one.status === "fulfilled" && one.value !== undefined ? [one.value] : []))),
    failures: found.flatMap((one): readonly unknown[] => (one.status === "rejected" ? [one.reason] : [])),
  };
}
