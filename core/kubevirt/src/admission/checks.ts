import type { Violation } from "@netbind/contract";
import type { RuleText } from "./rules/rule.ts";
import type { CodedViolation } from "./validate-vmi.ts";

/** The id of a check. */
export type CheckId =
  | "SCHEMA"
  | "DUPLICATE-KEY"
  | "ADMIT"
  | "BINDING"
  | "GRANTS"
  | "NETWORK"
  | "PLUGIN"
  | "HOST-DISK"
  | "IMAGE"
  | "ONE-MACHINE"
  | "MEMORY"
  | "IGNORE";

/** What an annotation that ignores rules lists in vain. */
export const IGNORE_CHECK: RuleText & { readonly id: "IGNORE" } = {
  id: "IGNORE",
  means: "The annotation netbind.dev/ignore lists ids of rules that warn.",
  why: "A misspelt id ignores nothing, and nobody would notice; what KubeVirt refuses stays refused.",
  fix: "list ids of warnings with commas, such as FIELD-2, MACVTAP-1; netbind explain lists all rules",
  reason: "FieldValueNotSupported",
  consequence: "ignored",
  outcome: "it ignores nothing",
  judge: "netbind",
};

/**
 * What is found by no rule of a VM's networks, but by other checks of the input. Each has the shape of a rule, so that whatever
 * stands in brackets before a finding is explained in one way.
 */
export const CHECKS: readonly (RuleText & { readonly id: CheckId })[] = [
  {
    id: "SCHEMA",
    means: "The input is YAML or JSON, and each object has the shape of its kind.",
    why: "What cannot be read as an object is refused by kubectl or by the API's schema, before any rule is asked.",
    fix: "correct what the finding quotes; the schema of a field is in kubectl explain vmi.spec",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "vm",
  },
  {
    id: "DUPLICATE-KEY",
    means: "A mapping has each key once.",
    why: "kubectl takes the last one, or refuses the file where it validates strictly; the other one is lost.",
    fix: "remove one of them",
    reason: "FieldValueDuplicate",
    consequence: "ignored",
    outcome: "one of the two values is lost",
    judge: "netbind",
  },
  {
    id: "ADMIT",
    means: "A NIC is one that its binding's plugin serves.",
    why: "KubeVirt asks no plugin and accepts the VM; the node agent asks, and does not attach the VM's pod.",
    fix: "do what the plugin says of the field; netbind explain BINDING describes the binding",
    reason: "FieldValueInvalid",
    consequence: "neverStarts",
    judge: "netbind",
  },
  {
    id: "BINDING",
    means: "A binding that a NIC names is registered in the KubeVirt CR, or is one of this release's own.",
    why: "The registration names the image of the sidecar; without it nobody attaches the NIC.",
    fix: "register the binding in the KubeVirt CR, or correct its name",
    reason: "FieldValueInvalid",
    consequence: "neverStarts",
    judge: "netbind",
  },
  {
    id: "GRANTS",
    means: "What a binding needs of a pod is granted to it.",
    why: "A third-party binding gets what an administrator allows it, and nothing else.",
    fix: "grant it with --grants, or use another binding",
    reason: "FieldValueInvalid",
    consequence: "neverStarts",
    judge: "netbind",
  },
  {
    id: "NETWORK",
    means: "This machine can attach a pod to each of the VM's networks.",
    why: "netbind run calls the CNI plugins that a NetworkAttachmentDefinition names, and needs its devices.",
    fix: "add the definition with -f, install its CNI plugin, or provide its devices",
    reason: "FieldValueInvalid",
    consequence: "neverStarts",
    judge: "netbind",
  },
  {
    id: "PLUGIN",
    means: "The plugin of each third-party binding is on this machine.",
    why: "netbind asks a binding before any pod exists, and what is in a sidecar's image does not answer that.",
    fix: "name the plugin's bundle: --plugin NAME=FILE",
    reason: "FieldValueNotFound",
    consequence: "neverStarts",
    judge: "netbind",
  },
  {
    id: "IMAGE",
    means: "With --sidecars image each sidecar has an image that can be pulled.",
    why: "A binding without a registered image gets this release's own by digest, from the registry that is named.",
    fix: "register sidecarImage in the KubeVirt CR, or name the registry with --registry",
    reason: "FieldValueNotFound",
    consequence: "neverStarts",
    judge: "netbind",
  },
  {
    id: "HOST-DISK",
    means:
      "A hostDisk volume is a file or a block device below a directory that --host-disk lists, and so is a container disk in a file.",
    why: "A VM gets no file of this machine that nobody has allowed.",
    fix: "name a regular file or a block device below a directory that --host-disk DIR lists",
    reason: "FieldValueInvalid",
    consequence: "neverStarts",
    judge: "netbind",
  },
  {
    id: "ONE-MACHINE",
    means: "netbind run and netbind plan take VirtualMachines and VirtualMachineInstances.",
    why: "A cluster's controller makes VMs of the template of a pool or a replica set, and a single machine has none.",
    fix: "write a VirtualMachine with the template's spec, or use netbind validate and netbind render",
    reason: "FieldValueNotSupported",
    consequence: "neverStarts",
    judge: "netbind",
  },
  {
    id: "MEMORY",
    means: "A guest has no more memory than this machine.",
    why: "The kernel gives a hypervisor no more than memory and swap space together, so the guest would not start.",
    fix: "ask for less, or run it on a larger machine",
    reason: "FieldValueInvalid",
    consequence: "neverStarts",
    judge: "netbind",
  },
  IGNORE_CHECK,
];

/** What a check finds, by its id. */
export const foundBy = (rule: CheckId, violations: readonly Violation[]): readonly CodedViolation[] =>
  violations.map((found) => ({ ...found, rule }));
