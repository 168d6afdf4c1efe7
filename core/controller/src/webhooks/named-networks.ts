import { NETWORK_ATTACHMENT_DEFINITIONS as resource } from "@netbind/kube";
import {
  interfacesOf,
  type KubevirtConfiguration,
  type NetworkAttachmentDefinition,
  networksOf,
  NETWORKS_PATH,
  registrationOf,
  type Vmi,
} from "@netbind/kubevirt";
import { checkNad, type Finding, validateNad } from "@netbind/kubevirt/admission";
import { parseNadReference } from "@netbind/kubevirt/pod";
import type { Lookups } from "./lookups.ts";

/** The NetworkAttachmentDefinitions that a VM names. */
export interface NamedNetworks {
  /** Those that are there. Absent: none was looked for. */
  readonly nads?: readonly NetworkAttachmentDefinition[];
  /** What is wrong with them, at the VM's own fields. */
  readonly findings: readonly Finding[];
  /** Definitions that do not exist, by the field that names them. */
  readonly missing: ReadonlyMap<string, string>;
}

/** As many definitions as are looked for; a pod with more links has other trouble. */
const MOST_DEFINITIONS = 64;

const NONE: NamedNetworks = { findings: [], missing: new Map() };

/** The definitions that a VM refers to: by its networks, and by what is registered of its bindings. */
function referencesOf(vmi: Vmi, configuration: KubevirtConfiguration): readonly string[] {
  const ofNetworks = networksOf(vmi).map(({ multus }) => multus?.networkName);
  const ofBindings = interfacesOf(vmi).map(
    ({ binding }) => registrationOf(configuration, binding?.name)?.networkAttachmentDefinition,
  );
  return [...new Set([...ofNetworks, ...ofBindings].filter((one): one is string => one !== undefined && one !== ""))];
}

/** A definition as rules read it; undefined where nobody knows, null where it does not exist. */
async function read(
  reference: string,
  vm: string,
  lookups: Lookups,
): Promise<NetworkAttachmentDefinition | null | undefined> {
  const looked = await lookups.find({ resource, ...parseNadReference(reference, vm) });
  if (typeof looked === "string") return looked === "missing" ? null : undefined;
  return checkNad(looked.object).length === 0 ? (looked.object as unknown as NetworkAttachmentDefinition) : undefined;
}

/** Reads the definitions that a VM names. */
export async function namedNetworks(
  vmi: Vmi,
  configuration: KubevirtConfiguration,
  lookups: Lookups | undefined,
): Promise<NamedNetworks> {
  const references = lookups === undefined ? [] : referencesOf(vmi, configuration).slice(0, MOST_DEFINITIONS);
  if (lookups === undefined || references.length === 0) return NONE;
  const { namespace } = vmi.metadata;
  const found = new Map(
    await Promise.all(references.map(async (one) => [one, await read(one, namespace, lookups)] as const)),
  );
  const at = networksOf(vmi).map(({ multus }, index) => ({
    field: `${NETWORKS_PATH}[${index}].multus.networkName`,
    reference: multus?.networkName ?? "",
  }));
  return {
    nads: [...found.values()].filter((nad) => nad !== null && nad !== undefined),
    findings: at.flatMap(({ field, reference }) => findingsAt(field, found.get(reference))),
    missing: new Map(
      at.flatMap(({ field, reference }) => {
        const { namespace: of, name } = parseNadReference(reference, namespace);
        return found.get(reference) === null ? [[field, `${of}/${name}`] as const] : [];
      }),
    ),
  };
}

/** What is wrong with a definition, at the field that names it. */
const findingsAt = (field: string, nad: NetworkAttachmentDefinition | null | undefined): readonly Finding[] =>
  (nad ? validateNad(nad) : []).map((found) => {
    const definition = `NetworkAttachmentDefinition ${nad?.metadata.namespace}/${nad?.metadata.name}`;
    return { ...found, field, problem: `${found.field} of ${definition}: ${found.problem}` };
  });

const MISSING = "NAD-1";

/** What rules find of a VM, as the cluster has its definitions: one that nobody has seen may be there. */
export const asInCluster = (found: readonly Finding[], { missing }: NamedNetworks): readonly Finding[] =>
  found.flatMap((one) => {
    const definition = missing.get(one.field);
    if (one.rule.id !== MISSING) return [one];
    const problem = `NetworkAttachmentDefinition ${definition} does not exist`;
    return definition === undefined ? [] : [{ ...one, problem }];
  });
