import type { NetworkAttachmentDefinition, VmiNetwork } from "../api.ts";

/** A NetworkAttachmentDefinition, by name and namespace. */
export interface NadReference {
  readonly namespace: string;
  readonly name: string;
}

/** Reads `<name>` or `<namespace>/<name>`; without a namespace it is the VM's. Split at the first slash, as KubeVirt does. */
export function parseNadReference(text: string, namespace: string): NadReference {
  const at = text.indexOf("/");
  return at === -1 ? { namespace, name: text } : { namespace: text.slice(0, at), name: text.slice(at + 1) };
}

/** The definition that a network names, among those that are known. */
export function nadOf(
  network: VmiNetwork | undefined,
  namespace: string,
  nads: readonly NetworkAttachmentDefinition[] | undefined,
): NetworkAttachmentDefinition | undefined {
  return !network?.multus?.networkName
    ? undefined
    : findNad(parseNadReference(network.multus.networkName, namespace), nads);
}

/** The definition of a name, among those that are known. */
export const findNad = (
  desired: NadReference,
  nads: readonly NetworkAttachmentDefinition[] | undefined,
): NetworkAttachmentDefinition | undefined =>
  nads?.find(({ metadata }) => metadata.name === desired.name && metadata.namespace === desired.namespace);

/** The CNI plugins that a definition chains, first to last; none where its config cannot be read. */
export function cniTypes({ spec }: NetworkAttachmentDefinition): readonly string[] {
  let config: unknown;
  try {
    config = JSON.parse(spec?.config ?? "null");
  } catch {
    return [];
  }
  const { type, plugins } = (config ?? {}) as { readonly type?: unknown; readonly plugins?: unknown };
  const listed = Array.isArray(plugins)
    ? plugins.map((plugin: { readonly type?: unknown } | null) => plugin?.type)
    : [type];
  return listed.filter((name): name is string => typeof name === "string");
}

/** The annotation with the device plugin's resource that a network of this definition takes. */
const RESOURCE_NAME = "k8s.v1.cni.cncf.io/resourceName";

/** The resource that a network of this definition takes; empty where it takes none. */
export const resourceNameOf = ({ metadata }: NetworkAttachmentDefinition): string =>
  metadata.annotations?.[RESOURCE_NAME] ?? "";
