import { violation } from "@netbind/contract";
import type { BindingRegistration, VmiInterface } from "../../api.ts";
import { formatVersion } from "../../versions.ts";
import { type Conflict, migrationConflict, ownerConflict } from "../../registration/registration-conflicts.ts";
import { ignored, neverStarts, pending } from "./netbind-rules.ts";
import { perInterface, quote, type Rule, type RuleContext } from "./rule.ts";
import { fixOfName, unknownRegistration } from "../../registration/resolve-binding.ts";
import { registrationOf, registrationsOf } from "../../vmi.ts";

/** What a registration may say, and since when. */
const REGISTRATION_SINCE: readonly {
  readonly what: string;
  readonly since: number;
  readonly says: (of: BindingRegistration) => boolean;
}[] = [
  { what: "migration", since: 2, says: ({ migration }) => migration !== undefined },
  { what: "downwardAPI", since: 3, says: ({ downwardAPI }) => downwardAPI !== undefined },
  {
    what: "computeResourceOverhead",
    since: 3,
    says: ({ computeResourceOverhead }) => computeResourceOverhead !== undefined,
  },
  {
    what: "domainAttachmentType: managedTap",
    since: 4,
    says: ({ domainAttachmentType }) => domainAttachmentType === "managedTap",
  },
];

/** A field of a registration that takes one of few words, or none. */
interface WordField {
  /** How a message names it. */
  readonly what: string;
  readonly says: (of: BindingRegistration) => string | undefined;
  readonly known: readonly string[];
  readonly fix: string;
}

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

/** Finds registrations of a VM's plugins whose field has a word that KubeVirt stores and does nothing for. */
const unknownWord = ({ what, says, known, fix }: WordField): Rule["find"] =>
  perPlugin(({ registration }) => {
    const word = registration === undefined ? undefined : says(registration);
    return !word || known.includes(word)
      ? []
      : [{ problem: `the plugin's ${what} ${quote(word)} is not one that KubeVirt knows`, fix }];
  });

const listOf = (conflict: Conflict | undefined): readonly Conflict[] => (conflict === undefined ? [] : [conflict]);

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
      if (subject.surroundings.isClusterKnown === false) return [unknownRegistration(name, served)];
      const names = Object.keys(registrationsOf(subject.configuration)).sort();
      const problem = `no binding plugin ${quote(name)} is registered (registered: ${names.join(", ") || "none"})`;
      const fix = "register it under spec.configuration.network.binding of the KubeVirt CR";
      return [{ problem, fix: fixOfName(name, [...names, ...served], fix) }];
    }),
  }),
  ignored({
    id: "REG-2",
    means: "A plugin's domainAttachmentType is tap or managedTap.",
    why: "KubeVirt stores any other value, and gives the guest no NIC.",
    fix: "register domainAttachmentType: tap or managedTap, or none",
    find: unknownWord({
      what: "domainAttachmentType",
      says: ({ domainAttachmentType }) => domainAttachmentType,
      known: ["tap", "managedTap"],
      fix: "register tap or managedTap, or none",
    }),
  }),
  ignored({
    id: "REG-3",
    means: "A plugin's migration method is link-refresh, or none is named.",
    why: "KubeVirt takes any other value for migratable, and refreshes nothing.",
    fix: "register migration: {method: link-refresh}, or migration: {}",
    since: 2,
    find: unknownWord({
      what: "migration method",
      says: ({ migration }) => migration?.method,
      known: ["link-refresh"],
      fix: "register link-refresh, or no method",
    }),
  }),
  ignored({
    id: "REG-4",
    means: "A plugin's downwardAPI is device-info, or none is named.",
    why: "KubeVirt stores any other value, and gives the sidecar no file.",
    fix: "register downwardAPI: device-info, or none",
    since: 3,
    find: unknownWord({
      what: "downwardAPI",
      says: ({ downwardAPI }) => downwardAPI,
      known: ["device-info"],
      fix: "register device-info, or none",
    }),
  }),
  ignored({
    id: "REG-5",
    means: "A plugin has a sidecar image or a domain attachment.",
    why: "Without either, nothing adds a NIC to the domain.",
    fix: "register sidecarImage, or domainAttachmentType: tap",
    find: perPlugin(({ registration }) => {
      if (registration === undefined || registration.sidecarImage || registration.domainAttachmentType) return [];
      const problem =
        "the plugin is registered with neither sidecarImage nor domainAttachmentType, so the guest gets no NIC";
      return [{ problem, fix: "register one of them" }];
    }),
  }),
  ignored({
    id: "REG-6",
    means: "A plugin's registration has no field that the cluster's version does not know.",
    why: "An older cluster drops the field without a warning: migration came with 1.2, computeResourceOverhead and downwardAPI with 1.3, managedTap with 1.4.",
    fix: "register the plugin without it, or upgrade KubeVirt",
    until: 3,
    find: perPlugin(({ registration = {}, subject }) =>
      REGISTRATION_SINCE.filter(({ since, says }) => subject.version < since && says(registration)).map(
        ({ what, since }) => ({
          problem: `the plugin is registered with ${what}, which came with KubeVirt ${formatVersion(since)}`,
          fix: "register it without, or upgrade KubeVirt",
        }),
      ),
    ),
  }),
  ignored({
    id: "REG-7",
    means: "A plugin's sidecar and KubeVirt's managedTap do not configure the same NIC.",
    why: "Where the sidecar is of a binding that Netbind serves, the node agent does not attach it: one namespace has one owner.",
    fix: "register domainAttachmentType: tap, or none",
    since: 4,
    find: perPlugin(({ name, registration, subject }) =>
      registration?.sidecarImage && !subject.described.has(name) ? listOf(ownerConflict(name, registration)) : [],
    ),
  }),
  neverStarts({
    id: "REG-8",
    means: "A binding that Netbind serves is not registered with domainAttachmentType: managedTap.",
    why: "KubeVirt would configure the NIC in the namespace that the binding configures: the node agent refuses the pod, and the VM fails.",
    fix: "register domainAttachmentType: tap, or none where the binding plans no tap",
    since: 4,
    find: perPlugin(({ name, registration, subject }) =>
      subject.described.has(name) ? listOf(ownerConflict(name, registration)) : [],
    ),
  }),
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
