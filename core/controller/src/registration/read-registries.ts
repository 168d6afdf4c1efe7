import { type ApiClient, ApiError, type ApiObject, KUBEVIRTS, type Resource } from "@netbind/kube";
import { isObject } from "@netbind/contract/shape";
import { isFalse, type Verdict } from "../status/conditions.ts";
import type { Registry } from "./registry.ts";

/** Where bindings are registered in a cluster. */
export interface Registries {
  /** The one to write to, or why there is none. */
  readonly chosen: Registry | Verdict;
  /** What KubeVirt itself reads; absent where the namespace has no KubeVirt CR. */
  readonly kubevirt?: Registry;
}

interface OwnerReference {
  readonly apiVersion: string;
  readonly name: string;
}

const HYPERCONVERGED = { group: "hco.kubevirt.io", plural: "hyperconvergeds", kind: "HyperConverged" } as const;
const KUBEVIRT_PATH = ["spec", "configuration", "network", "binding"];

/** The field of a HyperConverged CR that its operator copies into the KubeVirt CR. */
const hyperConvergedPath = ({ version }: Resource): readonly string[] =>
  version === "v1" ? ["spec", "networking", "networkBinding"] : ["spec", "networkBinding"];

/** The HyperConverged CR that an object is written from, by its owner references. */
function hyperConvergedOf({ metadata }: ApiObject): OwnerReference | undefined {
  const owners = metadata["ownerReferences"];
  return (Array.isArray(owners) ? owners : []).find(
    (owner): owner is OwnerReference =>
      isObject(owner) &&
      owner["kind"] === HYPERCONVERGED.kind &&
      String(owner["apiVersion"]).startsWith(`${HYPERCONVERGED.group}/`),
  );
}

/** Reads the registry that owns a KubeVirt CR's: what were written into that alone, its operator would revert. */
async function readOwner(
  client: ApiClient,
  { apiVersion, name }: OwnerReference,
  namespace: string,
  signal: AbortSignal,
): Promise<Registry | Verdict> {
  const resource = { ...HYPERCONVERGED, version: apiVersion.slice(HYPERCONVERGED.group.length + 1) };
  const place = { resource, namespace, name };
  try {
    const object = (await client.request({ ...place, verb: "get", signal })) as ApiObject;
    return { place, path: hyperConvergedPath(resource), object };
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === undefined) throw error;
    const said = `HyperConverged ${namespace}/${name} owns the KubeVirt CR and cannot be read: ${error.message}`;
    return isFalse("HyperConvergedUnreadable", said);
  }
}

/** Reads where bindings are registered. `name`: of the KubeVirt CR; absent: there is none. */
export async function readRegistries(
  client: ApiClient,
  { namespace, name }: { readonly namespace: string; readonly name: string | undefined },
  signal: AbortSignal,
): Promise<Registries> {
  if (name === undefined) {
    const said = `namespace "${namespace}" has no KubeVirt CR: install KubeVirt, or name its namespace`;
    return { chosen: isFalse("KubeVirtMissing", said) };
  }
  const place = { resource: KUBEVIRTS, namespace, name };
  const object = (await client.request({ ...place, verb: "get", signal })) as ApiObject;
  const kubevirt = { place, path: KUBEVIRT_PATH, object };
  const owner = hyperConvergedOf(object);
  return { kubevirt, chosen: owner === undefined ? kubevirt : await readOwner(client, owner, namespace, signal) };
}
