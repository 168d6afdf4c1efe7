import type { BindingDescription, Violation } from "@netbind/contract";
import type { BindingRegistration } from "../api.ts";
import { parseQuantity } from "../values/quantity.ts";

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

/** A registration whose `domainAttachmentType` is not the one that its binding needs: KubeVirt wires the NIC otherwise, or not at all. */
export function attachmentConflict(given: BindingRegistration, needed: BindingRegistration): Conflict | undefined {
  if (given.domainAttachmentType === needed.domainAttachmentType) return undefined;
  const type = needed.domainAttachmentType;
  return {
    problem: `the binding needs ${type === undefined ? "no domainAttachmentType" : `domainAttachmentType: ${type}`}`,
    fix: type === undefined ? "remove domainAttachmentType" : `set domainAttachmentType: ${type}`,
  };
}

const memoryOf = ({ computeResourceOverhead }: BindingRegistration): bigint =>
  parseQuantity(String(computeResourceOverhead?.requests?.["memory"] ?? "0")) ?? 0n;

/** A registration with less memory than its binding needs. */
export function memoryConflict(given: BindingRegistration, needed: BindingRegistration): Conflict | undefined {
  if (memoryOf(given) >= memoryOf(needed)) return undefined;
  const memory = String(needed.computeResourceOverhead?.requests?.["memory"]);
  return {
    problem: `the binding needs ${memory} of memory: a launcher pod with less is killed`,
    fix: `set computeResourceOverhead.requests.memory: ${memory}, or more`,
  };
}
