import type { ApiClient } from "@netbind/kube";
import { type AdmissionAnswer, type AdmissionRequest, ALLOWED } from "../admission-review.ts";
import type { ReviewContext } from "../review-vm.ts";
import { planPodPatch, readNewPod, servedBindings } from "./plan-pod-patch.ts";
import { askPodNeeds } from "./pod-needs.ts";
import { readPodVmi } from "./pod-vmi.ts";

/** What launcher pods are changed by. */
export interface PodParts {
  readonly client: ApiClient;
  /** The one account whose pods are changed. */
  readonly virtController: string;
}

type PodContext = Pick<ReviewContext, "configuration" | "grants" | "ours" | "planners">;

const UNAVAILABLE = { code: 503, reason: "ServiceUnavailable" } as const;

/**
 * Changes a launcher pod before it is stored, by what the VMI that controls it needs: what the pod says of itself names its
 * VMI and its sidecars, and nothing else. A pod whose needs cannot be known is refused, since nothing can be added to it
 * later, and KubeVirt makes it again. Never rejects.
 */
export async function mutatePod(
  request: AdmissionRequest,
  { configuration, ours, grants, planners = () => undefined }: PodContext,
  { client, virtController }: PodParts,
): Promise<AdmissionAnswer> {
  const isLaunchers = request.kind === "Pod" && request.operation === "CREATE" && request.username === virtController;
  const pod = isLaunchers ? readNewPod(request.object) : undefined;
  if (pod === undefined) return ALLOWED;
  const bindings = servedBindings(pod, configuration).filter((name) => name !== undefined && ours.has(name));
  if (bindings.length === 0) return ALLOWED;
  const read = await readPodVmi(request, client);
  if ("refused" in read) return read.refused;
  try {
    const names = [...new Set(bindings)].filter((name) => name !== undefined);
    const { violations, ...needs } = await askPodNeeds(read.vmi, names, planners, grants);
    const causes = violations.map(({ field, problem, fix }) => {
      return { field, reason: "FieldValueNotSupported", message: `${problem}; ${fix}` };
    });
    return causes.length > 0 ? { ...ALLOWED, causes } : { ...ALLOWED, ...planPodPatch(pod, needs, configuration) };
  } catch (error) {
    const message = `what the VM's bindings need is not known, so the pod is not made yet: ${(error as Error).message}`;
    const cause = { field: "spec.containers", reason: "FieldValueInvalid", message };
    return { ...ALLOWED, causes: [cause], status: UNAVAILABLE };
  }
}
