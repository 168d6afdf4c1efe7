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

/** The controller's replicas. */
export function checkController(facts: ClusterFacts): readonly ClusterFinding[] {
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
  return all
    .filter((one) => readyOf(one) < Math.max(wantedOf(one), 1))
    .map((one) => {
      const isNone = readyOf(one) === 0;
      return (isNone ? isError : isWarning)("CONTROLLER_NOT_READY", {
        object: objectOf("Deployment", one),
        problem: `${readyOf(one)} of ${wantedOf(one)} replicas are ready${isNone ? ": nothing registers bindings or reviews VMs" : ""}`,
        fix: `see their logs and events: kubectl logs -n ${textAt(one, "metadata", "namespace")} deployment/${CONTROLLER}; kubectl get events`,
      });
    });
}
