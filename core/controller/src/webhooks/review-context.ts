import { isNewerVersion, type KubevirtConfiguration, nearestVersion, NEWEST_KUBEVIRT } from "@netbind/kubevirt";
import type { NetworkBinding } from "../network-binding.ts";
import type { Release } from "../release.ts";
import type { ReviewContext } from "./review-vm.ts";

/** True for a binding of which nobody has said that it cannot be registered. */
const isAwaited = ({ isDeleting, generation, status }: NetworkBinding): boolean => {
  const registered = status.conditions?.find(({ type }) => type === "Registered");
  const isCurrent = registered?.observedGeneration === generation;
  return !isDeleting && !(isCurrent && registered.status === "False");
};

/** What VMs of a cluster are reviewed by. `version`: as its KubeVirt CR says it; empty: it does not. */
export const reviewContextOf = (
  { configuration, version }: { readonly configuration: KubevirtConfiguration; readonly version: string },
  bindings: readonly NetworkBinding[],
  release: Release,
): ReviewContext => ({
  configuration,
  version: nearestVersion(version) ?? NEWEST_KUBEVIRT,
  isNewer: isNewerVersion(version),
  ours: new Set([...release.keys(), ...bindings.map(({ name }) => name)]),
  awaited: new Set(bindings.filter(isAwaited).map(({ name }) => name)),
  described: release,
});
