import {
  attachmentConflict,
  type BindingRegistration,
  type Conflict,
  memoryConflict,
  migrationConflict,
  ownerConflict,
  sameValue,
} from "@netbind/kubevirt";
import type { ClusterFinding } from "@netbind/view";
import type { DoctorCode } from "../doctor-codes.ts";
import type { ClusterFacts } from "../facts.ts";
import { definitionName } from "../facts.ts";
import { textAt, type Value } from "../fields.ts";
import { isError, isWarning } from "../found.ts";
import { listed } from "../looks.ts";
import { placeOf, type Registry } from "../registry.ts";
import type { Released } from "../released.ts";

const WIRED: readonly string[] = ["tap", "managedTap"];

function imageConflict(name: string, entry: Value, { registrations }: Released): Conflict | undefined {
  const needed = registrations.get(name);
  const hasImage = textAt(entry, "sidecarImage") !== "";
  const isWired = WIRED.includes(textAt(entry, "domainAttachmentType"));
  if (hasImage || (needed === undefined ? isWired : !needed.hasSidecar)) return undefined;
  return {
    problem:
      needed === undefined
        ? "neither sidecarImage nor domainAttachmentType is set: the guest gets no NIC"
        : `sidecarImage is missing: nothing attaches a NIC of ${name} in its pod`,
    fix: `set sidecarImage, or create a NetworkBinding ${name} and remove the entry: the controller then registers this release's image`,
  };
}

/** An entry by which KubeVirt wires NICs otherwise than the binding needs. */
function wiringConflict(
  name: string,
  given: BindingRegistration,
  needed: BindingRegistration | undefined,
): Conflict | undefined {
  const { sidecarImage, domainAttachmentType: type } = given;
  const found = needed && attachmentConflict(given, needed);
  if (found !== undefined) {
    const current = type === undefined ? "domainAttachmentType is missing" : `domainAttachmentType is "${type}"`;
    return { ...found, problem: `${current}, and ${found.problem}` };
  }
  // Without a sidecar nobody else wires the NIC.
  return sidecarImage === undefined && needed === undefined ? undefined : ownerConflict(name, given);
}

/** What is wrong with an entry, by what its binding needs; the first of each code. */
function conflictsOf(name: string, entry: Value, released: Released): readonly (readonly [DoctorCode, Conflict])[] {
  const given = entry as BindingRegistration;
  const needed = released.registrations.get(name);
  const migration = released.plugins.get(name)?.migration;
  const isMigrated = given.migration !== undefined && migration !== undefined;
  const found: readonly (readonly [DoctorCode, Conflict | undefined])[] = [
    ["REGISTRATION_IMAGE", imageConflict(name, entry, released)],
    ["REGISTRATION_ATTACHMENT", wiringConflict(name, given, needed)],
    ["REGISTRATION_MISMATCH", isMigrated ? migrationConflict(name, given, migration) : undefined],
    ["REGISTRATION_MISMATCH", needed && memoryConflict(given, needed)],
  ];
  return found.flatMap(([code, conflict]) => (conflict === undefined ? [] : [[code, conflict] as const]));
}

/** The object to change: what HyperConverged's operator writes, it writes again. */
const toChange = ({ registry, operatorRegistry }: ClusterFacts): Registry | undefined => operatorRegistry ?? registry;

/** How bindings are registered, compared with what they need. */
export function checkRegistrations(facts: ClusterFacts, released: Released): readonly ClusterFinding[] {
  const { registry } = facts;
  const changed = toChange(facts);
  if (registry === undefined || changed === undefined) return [];
  return Object.keys(registry.entries).flatMap((name) => {
    const entry = registry.entries[name] as Value;
    const owners = registry.ownersOf(name).map((owner) => JSON.stringify(owner));
    const by = owners.length === 0 ? "" : ` (written by ${owners.join(" and ")})`;
    return [
      ...conflictsOf(name, entry, released).map(([code, { problem, fix }]) =>
        isError(code, {
          object: registry.object,
          field: [...registry.path, name].join("."),
          problem: `${problem}${by}`,
          fix: changed === registry ? fix : `in ${placeOf(changed, name)}: ${fix}`,
        }),
      ),
      ...checkDefinition(facts, registry, name, entry),
    ];
  });
}

function checkDefinition(
  { definitions }: ClusterFacts,
  registry: Registry,
  name: string,
  entry: Value,
): readonly ClusterFinding[] {
  const named = textAt(entry, "networkAttachmentDefinition");
  if (named === "" || !("seen" in definitions)) return [];
  // A name without a namespace is of each VM's own.
  if (!named.includes("/") || definitions.seen.includes(definitionName(named, ""))) return [];
  return [
    isError("NETWORK_MISSING", {
      object: registry.object,
      field: [...registry.path, name, "networkAttachmentDefinition"].join("."),
      problem: `NetworkAttachmentDefinition ${named} does not exist: multus refuses the pods of the binding's VMs`,
      fix: "create it, or correct the name",
    }),
  ];
}

/** Whether HyperConverged's operator lets the registrations stand. */
export function checkOperator(facts: ClusterFacts): readonly ClusterFinding[] {
  const { registry, operatorRegistry, overwritten } = facts;
  if (registry === undefined || operatorRegistry === undefined) return [];
  const [ours, theirs] = [registry.entries, operatorRegistry.entries];
  const reverted = Object.keys(ours).filter((name) => !Object.hasOwn(theirs, name));
  const behind = Object.keys(theirs).filter((name) => !sameValue(ours[name], theirs[name]));
  const times = overwritten
    .filter(({ message }) => message.includes("KubeVirt"))
    .reduce((sum, one) => sum + one.count, 0);
  const seen = times === 0 ? "" : `; it has overwritten the KubeVirt CR ${times} time${times === 1 ? "" : "s"} lately`;
  return [
    ...reverted.map((name) =>
      isError("HYPERCONVERGED_REVERTS", {
        object: registry.object,
        field: [...registry.path, name].join("."),
        problem: `${registry.ownersOf(name).join(" and ") || "a manager that is not named"} registered ${name} here, and the operator of HyperConverged ${operatorRegistry.object.namespace}/${operatorRegistry.object.name}, which owns this CR, removes it again${seen}`,
        fix: `register it as ${placeOf(operatorRegistry, name)}, or create a NetworkBinding ${name}: the controller then does so`,
      }),
    ),
    ...behind.map((name) =>
      isError("HYPERCONVERGED_BEHIND", {
        object: operatorRegistry.object,
        field: [...operatorRegistry.path, name].join("."),
        problem: `it is registered here, and ${placeOf(registry, name)} has ${ours[name] === undefined ? "nothing" : "something else"}: KubeVirt reads that one`,
        fix: "see the conditions of the HyperConverged CR and the log of its operator",
      }),
    ),
    ...(times > 0 && reverted.length === 0
      ? [
          isWarning("HYPERCONVERGED_REVERTS", {
            object: registry.object,
            problem: `this CR is changed, and the operator of HyperConverged writes it back${seen}`,
            fix: `write into HyperConverged ${operatorRegistry.object.namespace}/${operatorRegistry.object.name} instead`,
          }),
        ]
      : []),
  ];
}

/** VMs that name what is not registered, by the names of the bindings. */
export function checkUnregistered(facts: ClusterFacts): readonly ClusterFinding[] {
  const { registry, vmis, bindings } = facts;
  const changed = toChange(facts);
  if (registry === undefined || changed === undefined) return [];
  const named = new Set(listed(bindings).map(({ metadata }) => metadata.name));
  const registered = Object.keys(registry.entries).sort().join(", ") || "none";
  return listed(vmis).flatMap(({ name: vm, bindings: names }) =>
    [...new Set(names)]
      .filter((name) => !Object.hasOwn(registry.entries, name))
      .map((name) => {
        const [namespace = "", vmi = ""] = vm.split("/");
        const there = `NetworkBinding ${name} is there: see its condition Registered (kubectl describe nb ${name})`;
        return isError("BINDING_UNREGISTERED", {
          object: { kind: "VirtualMachineInstance", namespace, name: vmi },
          problem: `the binding "${name}" is not registered (registered: ${registered}): KubeVirt keeps the VM Pending`,
          fix: named.has(name) ? there : `create a NetworkBinding ${name}, or register it as ${placeOf(changed, name)}`,
        });
      }),
  );
}
