import type { BindingRegistration } from "../../api.ts";
import { type Conflict, ownerConflict } from "../../registration/registration-conflicts.ts";
import { formatVersion, type KubevirtMinor } from "../../versions.ts";
import { ignored, neverStarts } from "./netbind-rules.ts";
import { quote, type Rule } from "./rule.ts";

/** A plugin's registration in a cluster. */
export interface RegisteredPlugin {
  readonly name: string;
  readonly registration: BindingRegistration;
  readonly version: KubevirtMinor;
  /** True for a binding that Netbind serves. */
  readonly isServed: boolean;
}

/** What is wrong with a registration: with one of its fields, or with it as a whole. */
export interface RegistrationConflict extends Conflict {
  readonly field?: string;
}

/** A rule of a registration by itself, whichever VM uses it. */
export interface RegistrationRule {
  readonly text: Omit<Rule, "find">;
  readonly inspect: (plugin: RegisteredPlugin) => readonly RegistrationConflict[];
}

/** What a registration may say, and since when. */
const REGISTRATION_SINCE: readonly {
  readonly what: string;
  readonly field: string;
  readonly since: number;
  readonly says: (of: BindingRegistration) => boolean;
}[] = [
  { what: "migration", field: "migration", since: 2, says: ({ migration }) => migration !== undefined },
  { what: "downwardAPI", field: "downwardAPI", since: 3, says: ({ downwardAPI }) => downwardAPI !== undefined },
  {
    what: "computeResourceOverhead",
    field: "computeResourceOverhead",
    since: 3,
    says: ({ computeResourceOverhead }) => computeResourceOverhead !== undefined,
  },
  {
    what: "domainAttachmentType: managedTap",
    field: "domainAttachmentType",
    since: 4,
    says: ({ domainAttachmentType }) => domainAttachmentType === "managedTap",
  },
];

/** A field of a registration that takes one of few words, or none. */
interface WordField {
  readonly field: string;
  /** How a message names it. */
  readonly what: string;
  readonly says: (of: BindingRegistration) => string | undefined;
  readonly known: readonly string[];
  readonly fix: string;
}

/** Finds a field with a word that KubeVirt stores and does nothing for. */
const unknownWord =
  ({ field, what, says, known, fix }: WordField): RegistrationRule["inspect"] =>
  ({ registration }) => {
    const word = says(registration);
    return !word || known.includes(word)
      ? []
      : [{ field, problem: `the plugin's ${what} ${quote(word)} is not one that KubeVirt knows`, fix }];
  };

const owned = ({ name, registration }: RegisteredPlugin): readonly RegistrationConflict[] => {
  const conflict = ownerConflict(name, registration);
  return conflict === undefined ? [] : [{ ...conflict, field: "domainAttachmentType" }];
};

/** The fields of an overhead that KubeVirt does not read: all but one. */
const unreadOverhead = ({ registration }: RegisteredPlugin): readonly string[] =>
  (["requests", "limits"] as const).flatMap((list) =>
    Object.keys(registration.computeResourceOverhead?.[list] ?? {})
      .map((resource) => `${list}.${resource}`)
      .filter((field) => field !== "requests.memory"),
  );

type Asked = Omit<Parameters<typeof ignored>[0], "find">;

/** The text of a rule, whose predicate is of registrations. */
function textOf(make: typeof ignored, asked: Asked): RegistrationRule["text"] {
  const { find: _, ...text } = make({ ...asked, find: () => [] });
  return text;
}

/** What is asked of the registrations in the KubeVirt CR. KubeVirt itself looks at none of it. */
export const REGISTERED_FIELD_RULES: readonly RegistrationRule[] = [
  {
    text: textOf(ignored, {
      id: "REG-2",
      means: "A plugin's domainAttachmentType is tap or managedTap.",
      why: "KubeVirt stores any other value, and gives the guest no NIC.",
      fix: "register domainAttachmentType: tap or managedTap, or none",
    }),
    inspect: unknownWord({
      field: "domainAttachmentType",
      what: "domainAttachmentType",
      says: ({ domainAttachmentType }) => domainAttachmentType,
      known: ["tap", "managedTap"],
      fix: "register tap or managedTap, or none",
    }),
  },
  {
    text: textOf(ignored, {
      id: "REG-3",
      means: "A plugin's migration method is link-refresh, or none is named.",
      why: "KubeVirt takes any other value for migratable, and refreshes nothing.",
      fix: "register migration: {method: link-refresh}, or migration: {}",
      since: 2,
    }),
    inspect: unknownWord({
      field: "migration.method",
      what: "migration method",
      says: ({ migration }) => migration?.method,
      known: ["link-refresh"],
      fix: "register link-refresh, or no method",
    }),
  },
  {
    text: textOf(ignored, {
      id: "REG-4",
      means: "A plugin's downwardAPI is device-info, or none is named.",
      why: "KubeVirt stores any other value, and gives the sidecar no file.",
      fix: "register downwardAPI: device-info, or none",
      since: 3,
    }),
    inspect: unknownWord({
      field: "downwardAPI",
      what: "downwardAPI",
      says: ({ downwardAPI }) => downwardAPI,
      known: ["device-info"],
      fix: "register device-info, or none",
    }),
  },
  {
    text: textOf(ignored, {
      id: "REG-5",
      means: "A plugin has a sidecar image or a domain attachment.",
      why: "Without either, nothing adds a NIC to the domain.",
      fix: "register sidecarImage, or domainAttachmentType: tap",
    }),
    inspect: ({ registration }) => {
      if (registration.sidecarImage || registration.domainAttachmentType) return [];
      const problem =
        "the plugin is registered with neither sidecarImage nor domainAttachmentType, so the guest gets no NIC";
      return [{ problem, fix: "register one of them" }];
    },
  },
  {
    text: textOf(ignored, {
      id: "REG-6",
      means: "A plugin's registration has no field that the cluster's version does not know.",
      why: "An older cluster drops the field without a warning: migration came with 1.2, computeResourceOverhead and downwardAPI with 1.3, managedTap with 1.4.",
      fix: "register the plugin without it, or upgrade KubeVirt",
      until: 3,
    }),
    inspect: ({ registration, version }) =>
      REGISTRATION_SINCE.filter(({ since, says }) => version < since && says(registration)).map(
        ({ what, field, since }) => ({
          field,
          problem: `the plugin is registered with ${what}, which came with KubeVirt ${formatVersion(since)}`,
          fix: "register it without, or upgrade KubeVirt",
        }),
      ),
  },
  {
    text: textOf(ignored, {
      id: "REG-7",
      means: "A plugin's sidecar and KubeVirt's managedTap do not configure the same NIC.",
      why: "Where the sidecar is of a binding that Netbind serves, the node agent does not attach it: one namespace has one owner.",
      fix: "register domainAttachmentType: tap, or none",
      since: 4,
    }),
    inspect: (plugin) => (plugin.registration.sidecarImage && !plugin.isServed ? owned(plugin) : []),
  },
  {
    text: textOf(neverStarts, {
      id: "REG-8",
      means: "A binding that Netbind serves is not registered with domainAttachmentType: managedTap.",
      why: "KubeVirt would configure the NIC in the namespace that the binding configures: the node agent refuses the pod, and the VM fails.",
      fix: "register domainAttachmentType: tap, or none where the binding plans no tap",
      since: 4,
    }),
    inspect: (plugin) => (plugin.isServed ? owned(plugin) : []),
  },
  {
    text: textOf(ignored, {
      id: "REG-10",
      means: "A plugin's computeResourceOverhead has requests.memory only.",
      why: "KubeVirt adds this one to the pod's memory, and reads no other resource of it.",
      fix: "register requests.memory, and remove the others",
      since: 3,
    }),
    inspect: (plugin) =>
      unreadOverhead(plugin).map((field) => ({
        field: `computeResourceOverhead.${field}`,
        problem: `computeResourceOverhead.${field} has no effect: KubeVirt reads requests.memory only`,
        fix: "remove it",
      })),
  },
];
