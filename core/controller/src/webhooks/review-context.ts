import {
  isNewerVersion,
  type KubevirtConfiguration,
  nearestVersion,
  NEWEST_KUBEVIRT,
  registrationOf,
} from "@netbind/kubevirt";
import { clusterGrants, type Grants } from "@netbind/engine";
import type { NetworkBinding } from "../network-binding.ts";
import type { Release } from "../release.ts";
import type { ReviewContext } from "./review-vm.ts";

/**
 * A name that is ours in every cluster, and that nobody registers: by a VMI that names it, an installation is checked. A
 * NetworkBinding cannot have it, nor any object of the API.
 */
export const CHECKED_NAME = "netbind_check";

/** True for a binding of which nobody has said that it cannot be registered. */
const isAwaited = ({ isDeleting, generation, status }: NetworkBinding): boolean => {
  const registered = status.conditions?.find(({ type }) => type === "Registered");
  const isCurrent = registered?.observedGeneration === generation;
  return !isDeleting && !(isCurrent && registered.status === "False");
};

/** The names that this release registers nothing under, and nobody else does: KubeVirt has keys of those names. */
const delegatedNames = (release: Release, configuration: KubevirtConfiguration): ReadonlySet<string> =>
  new Set(
    [...release].flatMap(([name, { registration }]) =>
      registration === undefined && registrationOf(configuration, name) === undefined ? [name] : [],
    ),
  );

/** What each binding may do, by its name: what this release grants, and what its NetworkBinding does. */
function grantsIn(bindings: readonly NetworkBinding[], release: Release): (name: string) => Grants {
  const released = Object.fromEntries([...release].map(([name, { grants }]) => [name, grants]));
  return (name) => {
    const binding = bindings.find((one) => one.name === name);
    return clusterGrants(name, binding?.spec.grants, released).grants;
  };
}

/** What VMs of a cluster are reviewed by. `version`: as its KubeVirt CR says it; empty: it does not. */
export const reviewContextOf = (
  { configuration, version }: { readonly configuration: KubevirtConfiguration; readonly version: string },
  bindings: readonly NetworkBinding[],
  release: Release,
): ReviewContext => ({
  configuration,
  version: nearestVersion(version) ?? NEWEST_KUBEVIRT,
  isNewer: isNewerVersion(version),
  ours: new Set([CHECKED_NAME, ...release.keys(), ...bindings.map(({ name }) => name)]),
  awaited: new Set(bindings.filter(isAwaited).map(({ name }) => name)),
  delegated: delegatedNames(release, configuration),
  described: release,
  grants: grantsIn(bindings, release),
});
