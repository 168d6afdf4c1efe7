import { isObject } from "@netbind/contract/shape";
import { type ApiClient, ApiError, isObjectName, type KubeVmi, readFields, VMIS } from "@netbind/kube";
import { type AdmissionAnswer, type AdmissionRequest, ALLOWED } from "../admission-review.ts";

/** The VMI that controls a pod, or why the pod is refused. */
export type PodVmi = { readonly vmi: KubeVmi } | { readonly refused: AdmissionAnswer };

/** Milliseconds: an API server waits for 5 s in all. */
const DEADLINE = 2000;
const FIELD = "metadata.ownerReferences";

/** It may be another answer the next time, and virt-controller asks again. */
const UNAVAILABLE = { code: 503, reason: "ServiceUnavailable" } as const;

/** Refuses a pod whose VM is not known: it could not be given later what it lacks now. */
function refuse(message: string, status: AdmissionAnswer["status"]): PodVmi {
  const cause = { field: FIELD, reason: "FieldValueInvalid", message };
  return { refused: { ...ALLOWED, causes: [cause], ...(status === undefined ? {} : { status }) } };
}

/** The VMI that a pod says it is controlled by; undefined where it names none that could be one. */
function referenceOf({ metadata }: AdmissionRequest["object"]): { name: string; uid: string } | undefined {
  const owners = isObject(metadata) ? metadata["ownerReferences"] : undefined;
  const owner = Array.isArray(owners)
    ? owners.find((one): one is Record<string, unknown> => isObject(one) && one["controller"] === true)
    : undefined;
  if (owner === undefined) return undefined;
  const { apiVersion, kind, name, uid } = owner;
  const isVmi = kind === VMIS.kind && String(apiVersion).split("/")[0] === VMIS.group;
  return isVmi && typeof name === "string" && isObjectName(name) && typeof uid === "string" ? { name, uid } : undefined;
}

/** Reads the VMI that controls a pod: by the pod's controller reference in the namespace of the request, checked by UID. */
export async function readPodVmi(request: AdmissionRequest, client: ApiClient): Promise<PodVmi> {
  const reference = referenceOf(request.object);
  if (reference === undefined) return refuse("no VMI controls the pod: leave launcher pods to KubeVirt", undefined);
  const { namespace } = request;
  const { name, uid } = reference;
  const missing = `namespace "${namespace}" has no VMI "${name}" with uid ${uid}: its pod is not made`;
  try {
    const signal = AbortSignal.timeout(DEADLINE);
    const object = await client.request({ verb: "get", resource: VMIS, namespace, name, signal });
    const { vmis, unreadable } = readFields(object);
    const [vmi] = vmis;
    if (vmi === undefined) return refuse(unreadable[0]?.problem ?? missing, undefined);
    return vmi.metadata.uid === uid ? { vmi } : refuse(missing, undefined);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return refuse(missing, undefined);
    return refuse(`the VMI cannot be read, so the pod is not made yet: ${(error as Error).message}`, UNAVAILABLE);
  }
}
