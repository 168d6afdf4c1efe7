/** Objects of a cluster as they are once everybody has written: their status too, which controllers would write. */
import type { ApiServer } from "./api-server.ts";

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [field: string]: unknown };
  readonly status?: object;
  readonly [field: string]: unknown;
}

/** Plurals that are not the kind with an "s", and kinds whose status is written with the rest. */
const PLURALS: Readonly<Record<string, string>> = {
  NetworkAttachmentDefinition: "network-attachment-definitions",
  EndpointSlice: "endpointslices",
};
const WHOLE = ["VirtualMachineInstance", "Event", "EndpointSlice"];

/** Where an object is. */
export function pathOfObject({ apiVersion, kind, metadata: { namespace, name } }: KubeObject): string {
  const plural = PLURALS[kind] ?? `${kind.toLowerCase()}s`;
  const group = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return `${group}${namespace === undefined ? "" : `/namespaces/${namespace}`}/${plural}/${name}`;
}

/** Makes an object as it is, or changes it to that, as a manager of its fields. Gives its UID. */
export async function writeObject(api: ApiServer, object: KubeObject, manager = "admin"): Promise<string> {
  const isWhole = WHOLE.includes(object.kind);
  const { status, ...rest } = object;
  const path = pathOfObject(object);
  const contentType = "application/apply-patch+yaml";
  const stored = await api.request<{ metadata: { uid: string } }>({
    ...{ method: "PATCH", path: `${path}?fieldManager=${manager}&force=true`, contentType },
    body: isWhole ? object : rest,
  });
  if (status !== undefined && !isWhole)
    await api.request({ method: "PATCH", path: `${path}/status`, body: { status } });
  return stored.metadata.uid;
}

/** Removes an object at once, whatever holds it. */
export async function removeObject(api: ApiServer, object: KubeObject): Promise<void> {
  const path = pathOfObject(object);
  await api.request({ method: "PATCH", path, body: { metadata: { finalizers: null } } });
  await api.request({ method: "DELETE", path: `${path}?gracePeriodSeconds=0` });
}
