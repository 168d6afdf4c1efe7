import { violation } from "@netbind/contract";
import type { KubevirtConfiguration, NetworkAttachmentDefinition, Vmi, VmiClone, VmiSpec } from "../api.ts";
import { macAddressProblem } from "../nic/hardware-address.ts";
import { networkMigratable } from "../migration/migration.ts";
import { nadConfig } from "../pod/cni-config.ts";
import type { Finding } from "./validate-vmi.ts";
import { quote, type RuleText } from "./rules/rule.ts";

const CLONE_MAC: RuleText = {
  id: "CLONE-1",
  means: "A MAC address that a clone gets has six bytes.",
  why: "A NIC of a VM is an Ethernet card.",
  fix: "write six bytes, such as 02:00:00:00:00:01",
  reason: "FieldValueInvalid",
  consequence: "rejected",
  judge: "vm",
};
const MIGRATABLE: RuleText = {
  id: "MIG-1",
  means: "A migration names a VM that can be migrated.",
  why: "A running VM has the condition LiveMigratable; before, its NIC on the pod network decides.",
  fix: "use, on the pod network, masquerade or a plugin that is registered with migration",
  reason: "FieldValueInvalid",
  consequence: "rejected",
  judge: "vm",
  kubevirt: { difference: "KubeVirt names no field; Netbind names the VM's." },
};

const NAD_CONFIG: RuleText = {
  id: "NAD-3",
  means: "A NetworkAttachmentDefinition's spec.config is a CNI network configuration in JSON.",
  why: "Nothing checks it before a pod is attached; multus then fails, and no pod on the network starts.",
  fix: "write JSON with a type, or a list of plugins that have one; JSON has no comments, and no comma before } or ]",
  reason: "FieldValueInvalid",
  consequence: "neverStarts",
  judge: "netbind",
};

const OWN_SIZE: RuleText = {
  id: "TYPE-1",
  means: "A VM that names an instancetype has no CPUs and no memory of its own.",
  why: "The instancetype sets them, and KubeVirt refuses a VM that sets them too.",
  fix: "remove them from the VM, or remove spec.instancetype",
  reason: "FieldValueInvalid",
  consequence: "rejected",
  judge: "vm",
};

/** The rules of objects that are not VMs and concern a VM's networks. Source: reference, section 3.9. */
export const OBJECT_RULES: readonly RuleText[] = [CLONE_MAC, MIGRATABLE, NAD_CONFIG, OWN_SIZE];

const findingOf = (rule: RuleText, field: string, problem: string, fix = rule.fix): Finding => ({
  ...violation(field, problem, fix),
  rule,
  reason: rule.reason,
});

/** What a VirtualMachineClone is refused for. */
export const validateClone = ({ spec }: VmiClone): readonly Finding[] =>
  Object.entries(spec.newMacAddresses ?? {}).flatMap(([nic, mac]) => {
    const problem = mac ? macAddressProblem(mac) : undefined;
    return problem === undefined
      ? []
      : [findingOf(CLONE_MAC, `spec.newMacAddresses.${nic}`, `${quote(mac)} ${problem}`)];
  });

/** The fields of a VM's domain that an instancetype sets. */
function ownSize({ cpu, memory, resources }: VmiSpec["domain"]): readonly string[] {
  const listed = (list: "requests" | "limits"): readonly string[] =>
    ["cpu", "memory"]
      .filter((name) => resources?.[list]?.[name] !== undefined)
      .map((name) => `resources.${list}.${name}`);
  return [
    ...(["sockets", "cores", "threads"] as const).filter((key) => cpu?.[key] !== undefined).map((key) => `cpu.${key}`),
    ...(memory?.guest === undefined ? [] : ["memory.guest"]),
    ...listed("requests"),
    ...listed("limits"),
  ];
}

/** What a VM that names an instancetype is refused for: at the first of its own fields, with all of them. */
export function validateOwnSize({ domain }: VmiSpec): readonly Finding[] {
  const fields = ownSize(domain);
  const [first] = fields;
  const problem = `the VM names an instancetype, which sets CPUs and memory, and sets them itself: ${fields.join(", ")}`;
  return first === undefined ? [] : [findingOf(OWN_SIZE, `spec.domain.${first}`, problem)];
}

/** What is wrong with a configuration, at whose field it is said. */
const atConfig = (problem: string): string =>
  problem.replace(/^spec\.config(?:: | is )/, (start) => (start.endsWith(" is ") ? "it is " : ""));

/** What no pod can be attached for, of a NetworkAttachmentDefinition. One without a configuration takes a file of the node's. */
export function validateNad(nad: NetworkAttachmentDefinition): readonly Finding[] {
  const read = nad.spec?.config?.trim() ? nadConfig(nad) : undefined;
  return read !== undefined && "problem" in read ? [findingOf(NAD_CONFIG, "spec.config", atConfig(read.problem))] : [];
}

/** What a migration of a VM is refused for: the VM's condition says so, or would once it runs. */
export function validateMigration(vmi: Vmi, configuration: KubevirtConfiguration): readonly Finding[] {
  const condition = vmi.status?.conditions?.find(({ type }) => type === "LiveMigratable");
  const name = quote(vmi.metadata.name);
  if (condition?.status === "False") {
    const why = [condition.reason, condition.message].filter((text) => text).join(": ");
    return [findingOf(MIGRATABLE, "spec.vmiName", `VM ${name} cannot be migrated${why === "" ? "" : `: ${why}`}`)];
  }
  // The condition is the cluster's own decision, whatever this configuration says.
  if (condition?.status === "True") return [];
  const network = networkMigratable(vmi, configuration);
  return network.migratable
    ? []
    : [findingOf(MIGRATABLE, "spec.vmiName", `VM ${name} cannot be migrated: ${network.problem}`, network.fix)];
}
