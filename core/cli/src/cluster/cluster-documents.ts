import { type Input, inputOf, joinResults, parseText, type ReadResult } from "@netbind/input";
import { type ApiObject, isObjectName, KUBEVIRTS, type Place, type Resource, typeOf } from "@netbind/kube";
import { networksOf } from "@netbind/kubevirt";
import { definitionName } from "./facts.ts";
import { objectAt, textAt } from "./fields.ts";
import { listed, Looks } from "./looks.ts";
import type { OpenCluster } from "./open-cluster.ts";
import { configurationOf, versionOf } from "./registry.ts";
import { DEFINITIONS } from "./resources.ts";

/** Objects of a cluster's, as if they were in the input. */
export interface ClusterDocuments {
  readonly read: ReadResult;
  /** What may not be looked at, in sentences. */
  readonly notChecked: readonly string[];
  /** Definitions of which it is not known whether they are there, as `namespace/name`. */
  readonly unknown: readonly string[];
  /** What counts of the input in the cluster's place, in sentences. */
  readonly notes: readonly string[];
}

/** What the names of the cluster's objects begin with, where a finding names a file. */
const PREFIX = "cluster:";

/** True for what is said of an object of the cluster's: it is not the author's of the input. */
export const isOfClusterFile = ({ file }: { readonly file: string }): boolean => file.startsWith(PREFIX);

const INSTANCETYPES = { group: "instancetype.kubevirt.io", version: "v1beta1" } as const;
const resourceOf = (kind: string): Resource => ({ ...INSTANCETYPES, kind, plural: `${kind.toLowerCase()}s` });

/** What a VM may name beside networks: by its key, the kinds of a namespace and of the cluster. */
const NAMED = [
  ["preference", "VirtualMachinePreference", "VirtualMachineClusterPreference"],
  ["instancetype", "VirtualMachineInstancetype", "VirtualMachineClusterInstancetype"],
] as const;

/** An object of the cluster's as a document: without what no rule reads of it. */
function documentOf(resource: Resource, object: ApiObject): ReadResult {
  const { managedFields: _, ...metadata } = object.metadata;
  const version = versionOf(object);
  const status = version === "" ? {} : { status: { observedKubeVirtVersion: version } };
  const spec = resource === KUBEVIRTS ? { configuration: configurationOf(object) } : object["spec"];
  const shown = { ...typeOf(resource), metadata, spec, ...status };
  const name = [resource.kind, metadata["namespace"], metadata.name].filter((part) => typeof part === "string");
  return parseText(`${PREFIX}${name.join("/")}`, JSON.stringify(shown, null, 2));
}

/** Definitions that VMs name and the input does not have, as `namespace/name`. */
function missingDefinitions({ vms, templates, nads }: Input): readonly string[] {
  const own = new Set(nads.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`));
  const named = [...vms, ...templates].flatMap(({ vmi }) =>
    networksOf(vmi).flatMap(({ multus }) =>
      multus?.networkName ? [definitionName(multus.networkName, vmi.metadata.namespace)] : [],
    ),
  );
  return [...new Set(named)].filter((name) => !own.has(name));
}

/** Where the preferences and instancetypes are that the input's VirtualMachines name. */
function namedPlaces({ documents }: ReadResult): readonly Place[] {
  const places = documents.flatMap(({ value, namespace }) =>
    NAMED.flatMap(([key, inNamespace, ofCluster]): readonly Place[] => {
      const reference = objectAt(value, "spec", key);
      const name = textAt(reference, "name");
      if (!isObjectName(name)) return [];
      const isNamespaced = textAt(reference, "kind").toLowerCase().replace(/s$/, "") === inNamespace.toLowerCase();
      return [
        isNamespaced
          ? { resource: resourceOf(inNamespace), namespace, name }
          : { resource: resourceOf(ofCluster), name },
      ];
    }),
  );
  return [...new Map(places.map((place) => [JSON.stringify(place), place])).values()];
}

/** The cluster's KubeVirt CR, if the input has none of its own. @throws ApiError where the cluster does not answer at all */
async function readCr(looks: Looks, input: Input): Promise<Pick<ClusterDocuments, "read" | "notes">> {
  const look = await looks.list({ resource: KUBEVIRTS, read: (object) => object });
  if ("unknown" in look && look.error.status === undefined) throw look.error;
  const { cr } = input;
  if (cr !== undefined) {
    const { file, line } = cr.document;
    return { read: joinResults([]), notes: [`the CR in ${file}:${line} counts, not the cluster's`] };
  }
  const [kubevirt] = listed(look);
  if (kubevirt !== undefined) return { read: documentOf(KUBEVIRTS, kubevirt), notes: [] };
  if (!("unknown" in look)) looks.miss("the cluster has no KubeVirt CR: defaults count");
  return { read: joinResults([]), notes: [] };
}

/**
 * Reads of a cluster what decides about an input's VMs and is not in the input: the KubeVirt CR with its version, the
 * NetworkAttachmentDefinitions, preferences and instancetypes that they name.
 *
 * @throws ApiError where the cluster does not answer at all
 */
export async function readClusterDocuments(own: ReadResult, { client }: OpenCluster): Promise<ClusterDocuments> {
  const looks = new Looks(client);
  const input = inputOf(own, "", "nothing");
  const { read: cr, notes } = await readCr(looks, input);
  const unknown: string[] = [];
  const definitions = missingDefinitions(input).map(async (full): Promise<readonly ReadResult[]> => {
    const [namespace = "", name = ""] = full.split("/");
    // A name that cannot be one is nowhere: a rule says so.
    if (!isObjectName(namespace) || !isObjectName(name)) return [];
    const look = await looks.get({ resource: DEFINITIONS, namespace, name });
    if ("unknown" in look) unknown.push(full);
    return "seen" in look ? [documentOf(DEFINITIONS, look.seen)] : [];
  });
  const named = namedPlaces(own).map(async (place): Promise<readonly ReadResult[]> => {
    const look = await looks.get(place);
    return "seen" in look ? [documentOf(place.resource, look.seen)] : [];
  });
  const others = (await Promise.all([...definitions, ...named])).flat();
  return { read: joinResults([cr, ...others]), notChecked: looks.notChecked, unknown, notes };
}
