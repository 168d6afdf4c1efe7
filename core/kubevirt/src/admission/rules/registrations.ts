import { violation } from "@netbind/contract";
import type { BindingRegistration, VmiInterface } from "../../api.ts";
import { type Conflict, migrationConflict } from "../../registration/registration-conflicts.ts";
import { fixOfName, unknownRegistration } from "../../registration/resolve-binding.ts";
import { registrationOf, registrationsOf } from "../../vmi.ts";
import { ignored, pending } from "./netbind-rules.ts";
import { REGISTERED_FIELD_RULES, type RegistrationRule } from "./registered-fields.ts";
import { perInterface, quote, type Rule, type RuleContext } from "./rule.ts";

/** An interface of a plugin, with the plugin's registration; undefined where it has none. */
interface PluginNic {
  readonly nic: VmiInterface;
  /** The plugin's registered name. */
  readonly name: string;
  readonly registration: BindingRegistration | undefined;
  readonly subject: RuleContext;
}

/** Makes a rule's predicate from one that looks at a plugin's interface: what it finds is at the plugin's name. */
const perPlugin = (find: (plugin: PluginNic) => readonly Conflict[]): Rule["find"] =>
  perInterface((nic, path, subject) => {
    const name = nic.binding?.name;
    if (name === undefined) return [];
    const registration = registrationOf(subject.configuration, name);
    return find({ nic, name, registration, subject }).map(({ problem, fix }) =>
      violation(`${path}.binding.name`, problem, fix),
    );
  });

const listOf = (conflict: Conflict | undefined): readonly Conflict[] => (conflict === undefined ? [] : [conflict]);

/** A rule of registrations as one of VMs: it looks at those of a VM's plugins. */
const ofVms = ({ text, inspect }: RegistrationRule): Rule => ({
  ...text,
  find: perPlugin(({ name, registration, subject }) =>
    registration === undefined
      ? []
      : inspect({ name, registration, version: subject.version, isServed: subject.described.has(name) }),
  ),
});

/** What is asked of the registrations that a VM's plugins have in the KubeVirt CR. KubeVirt itself looks at none of it. */
export const REGISTRATION_RULES: readonly Rule[] = [
  pending({
    id: "REG-1",
    means: "An interface names a binding plugin that the KubeVirt CR registers.",
    why: "KubeVirt accepts any name, and leaves the VM Pending until the name is registered.",
    fix: "register it under spec.configuration.network.binding of the KubeVirt CR",
    outcome: "the VM stays Pending until its cluster registers the plugin",
    find: perPlugin(({ name, registration, subject }) => {
      if (registration !== undefined) return [];
      const served = [...subject.described.keys()];
      const { isClusterKnown, sources } = subject.surroundings;
      if (isClusterKnown === false) return [unknownRegistration(name, served, sources)];
      const names = Object.keys(registrationsOf(subject.configuration)).sort();
      const problem = `no binding plugin ${quote(name)} is registered (registered: ${names.join(", ") || "none"})`;
      const fix = "register it under spec.configuration.network.binding of the KubeVirt CR";
      return [{ problem, fix: fixOfName(name, [...names, ...served], fix) }];
    }),
  }),
  ...REGISTERED_FIELD_RULES.map(ofVms),
  ignored({
    id: "REG-9",
    means: "A plugin's registration agrees with its binding about migration.",
    why: "KubeVirt decides about migration by the registration of the plugin on the pod network, and does not ask the binding.",
    fix: "register migration as the binding describes it: none for bridge and slirp, {} for masquerade and passt",
    since: 2,
    find: perPlugin(({ nic, name, registration, subject }) => {
      const described = subject.described.get(name);
      if (described === undefined || subject.networkOf(nic)?.pod === undefined) return [];
      return listOf(migrationConflict(name, registration, described.migration));
    }),
  }),
];
