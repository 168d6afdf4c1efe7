import type { BindingDescription, Violation } from "@netbind/contract";
import type { BindingRegistration } from "../api.ts";

/** What is wrong, and what to do: the place is the caller's. */
export type Conflict = Omit<Violation, "field">;

const REGISTRY = "spec.configuration.network.binding";

/**
 * A pod's namespace has one owner: with managedTap KubeVirt wires the NIC itself, and so would the binding's plan.
 *
 * @returns undefined where there is no conflict
 */
export function ownerConflict(binding: string, registration: BindingRegistration | undefined): Conflict | undefined {
  if (registration?.domainAttachmentType !== "managedTap") return undefined;
  return {
    problem: `binding "${binding}" is registered with domainAttachmentType: managedTap, so KubeVirt wires the NIC in the pod's namespace that the binding wires`,
    fix: `set ${REGISTRY}.${binding}.domainAttachmentType in the KubeVirt CR to tap, or remove it where the binding plans no tap`,
  };
}

const REGISTERED: Readonly<Record<BindingDescription["migration"], string>> = {
  none: "no migration",
  supported: "migration: {}",
  "link-refresh": "migration: {method: link-refresh}",
};

const LINK_REFRESH = "link-refresh";

function migrationProblem(
  binding: string,
  registered: BindingRegistration["migration"] | null,
  described: BindingDescription["migration"],
): string | undefined {
  const isRegistered = registered !== undefined && registered !== null;
  if (described === "none")
    return isRegistered
      ? `binding "${binding}" is registered with migration and cannot be migrated on the pod network: KubeVirt would migrate the VM, and its guest would lose the network`
      : undefined;
  if (!isRegistered)
    return `binding "${binding}" is registered without migration and can be migrated: KubeVirt refuses to migrate the VM`;
  return described === LINK_REFRESH && registered.method !== LINK_REFRESH
    ? `binding "${binding}" is registered without the migration method link-refresh: its guest would not request its new address`
    : undefined;
}

/**
 * A NIC on the pod network, whose registration says something else of migration than its binding: KubeVirt asks the binding
 * nothing. Without a registration nothing is said.
 *
 * @returns undefined where there is no conflict
 */
export function migrationConflict(
  binding: string,
  registration: BindingRegistration | undefined,
  described: BindingDescription["migration"],
): Conflict | undefined {
  const problem = registration === undefined ? undefined : migrationProblem(binding, registration.migration, described);
  return problem === undefined
    ? undefined
    : { problem, fix: `register ${REGISTERED[described]} under ${REGISTRY}.${binding} in the KubeVirt CR` };
}
