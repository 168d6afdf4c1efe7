import type { ApiObject } from "@netbind/kube";
import type { ClusterFinding } from "@netbind/view";
import { type ClusterFacts, CONTROLLER } from "../facts.ts";
import { fullNameOf, numberAt, textAt } from "../fields.ts";
import { isError, isWarning, objectOf } from "../found.ts";
import { listed } from "../looks.ts";
import { withoutController } from "./check-bindings.ts";

const readyOf = (deployment: ApiObject): number => numberAt(deployment, "status", "readyReplicas");
const wantedOf = (deployment: ApiObject): number => numberAt(deployment, "spec", "replicas");

/** The controller in a few words. */
export function controllerState({ controllers }: ClusterFacts): string {
  const all = listed(controllers).map((one) => `${fullNameOf(one)} ${readyOf(one)}/${wantedOf(one)} ready`);
  if (all.length > 0) return all.join(", ");
  return "unknown" in controllers ? "unknown" : "not installed";
}

/** How many durations of a lease may pass until a replica counts as not leading: clocks differ. */
const OVERDUE = 4;

/** Controllers whose lease nobody renews: the replicas answer, and none of them writes. `now`: milliseconds since 1970. */
function checkLeader(
  { leases }: ClusterFacts,
  deployments: readonly ApiObject[],
  now: number,
): readonly ClusterFinding[] {
  if (!("seen" in leases)) return [];
  return deployments.flatMap((deployment) => {
    const namespace = textAt(deployment, "metadata", "namespace");
    const lease = leases.seen.find((one) => textAt(one, "metadata", "namespace") === namespace);
    const renewed = Date.parse(textAt(lease, "spec", "renewTime"));
    const duration = numberAt(lease, "spec", "leaseDurationSeconds") * 1000;
    if (readyOf(deployment) === 0 || now - renewed <= OVERDUE * duration) return [];
    const since = lease === undefined || Number.isNaN(renewed) ? "" : ` since ${textAt(lease, "spec", "renewTime")}`;
    return [
      isError("CONTROLLER_NOT_LEADING", {
        object: { kind: "Lease", namespace, name: CONTROLLER },
        problem: `no replica of the controller has renewed it${since}: nothing registers bindings or writes conditions`,
        fix: `see the controller's log: kubectl logs -n ${namespace} deployment/${CONTROLLER}`,
      }),
    ];
  });
}

/** The controller's replicas, and who of them leads. `now`: milliseconds since 1970. */
export function checkController(facts: ClusterFacts, now: number): readonly ClusterFinding[] {
  const { controllers } = facts;
  if ("unknown" in controllers) return [];
  const all = listed(controllers);
  if (all.length === 0)
    return withoutController(facts)
      ? []
      : [
          isError("CONTROLLER_MISSING", {
            object: { kind: "Deployment", name: CONTROLLER },
            problem: "the cluster has NetworkBindings or webhooks of Netbind, and no controller that serves them",
            fix: "install Netbind's chart, or remove what is left of it",
          }),
        ];
  const unready = all
    .filter((one) => readyOf(one) < Math.max(wantedOf(one), 1))
    .map((one) => {
      const isNone = readyOf(one) === 0;
      return (isNone ? isError : isWarning)("CONTROLLER_NOT_READY", {
        object: objectOf("Deployment", one),
        problem: `${readyOf(one)} of ${wantedOf(one)} replicas are ready${isNone ? ": nothing registers bindings or reviews VMs" : ""}`,
        fix: `see their logs and events: kubectl logs -n ${textAt(one, "metadata", "namespace")} deployment/${CONTROLLER}; kubectl get events`,
      });
    });
  return [...unready, ...checkLeader(facts, all, now)];
}
