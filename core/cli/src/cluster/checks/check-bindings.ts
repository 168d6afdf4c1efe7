import { type Grants, grantsOf, withGrants } from "@netbind/engine";
import type { ApiObject } from "@netbind/kube";
import type { ClusterFinding } from "@netbind/view";
import { lastByUid, type SaidEvent } from "../agent-events.ts";
import type { ClusterFacts } from "../facts.ts";
import { numberAt, objectAt, objectsAt, textAt, type Value } from "../fields.ts";
import { isError, objectOf } from "../found.ts";
import { listed } from "../looks.ts";
import type { Released } from "../released.ts";

const KIND = "NetworkBinding";

/** The conditions of an object's last generation. */
function currentConditions(binding: ApiObject): readonly Value[] {
  const generation = numberAt(binding, "metadata", "generation");
  return objectsAt(binding, "status", "conditions").filter((one) => numberAt(one, "observedGeneration") === generation);
}

/** The status of `Ready`, and its reason where that is not `True`. */
export function readyOf(binding: ApiObject): string {
  const ready = currentConditions(binding).find((one) => one["type"] === "Ready");
  if (ready === undefined) return "Unknown";
  const status = textAt(ready, "status");
  return status === "True" ? status : `${status} ${textAt(ready, "reason")}`;
}

function checkConditions(binding: ApiObject): readonly ClusterFinding[] {
  const object = objectOf(KIND, binding);
  const conditions = currentConditions(binding);
  if (conditions.length === 0)
    return [
      isError("BINDING_NOT_SEEN", {
        object,
        field: "status.conditions",
        problem: "no controller has looked at it as it is now",
        fix: "see whether the controller runs and leads: kubectl get lease -A, kubectl logs of deployment/netbind-controller",
      }),
    ];
  const wrong = conditions.filter((one) => one["status"] === "False");
  // Ready repeats what another condition says.
  const causes = wrong.length > 1 ? wrong.filter((one) => one["type"] !== "Ready") : wrong;
  return causes.map((one) =>
    isError("BINDING_NOT_READY", {
      object,
      field: `status.conditions[${textAt(one, "type")}]`,
      problem: `${textAt(one, "reason")}: ${textAt(one, "message")}`,
      fix: `do what the message says; then kubectl wait --for=condition=Ready nb/${binding.metadata.name}`,
    }),
  );
}

const listsOf = (grants: Partial<Grants>): readonly (keyof Grants)[] => Object.keys(grants) as (keyof Grants)[];

/** Grants of this release's binding that an administrator's lists leave out. */
function checkGrantLists(binding: ApiObject, { grants: released }: Released): readonly ClusterFinding[] {
  const { name } = binding.metadata;
  const given = objectAt(binding, "spec", "grants");
  const needed = Object.hasOwn(released, name) ? released[name] : undefined;
  if (needed === undefined) return [];
  const lists = Object.fromEntries(Object.entries(given).filter(([, list]) => Array.isArray(list))) as Partial<Grants>;
  const granted = grantsOf(name, withGrants(released, { [name]: lists }));
  return listsOf(needed).flatMap((list) => {
    const missing = (needed[list] ?? []).filter((one) => !(granted[list] as readonly string[]).includes(one));
    if (missing.length === 0) return [];
    return [
      isError("GRANTS_MISSING", {
        object: objectOf(KIND, binding),
        field: `spec.grants.${list}`,
        problem: `the list leaves out ${missing.join(", ")}, which this release's ${name} plans: the node agent attaches none of its VMs`,
        fix: `add ${missing.join(", ")}, or remove the list: then this release's own counts`,
      }),
    ];
  });
}

/** NetworkBindings whose conditions are false or old, and whose grants leave something out. */
export const checkBindings = ({ bindings }: ClusterFacts, released: Released): readonly ClusterFinding[] =>
  listed(bindings).flatMap((binding) => [
    ...(binding.metadata["deletionTimestamp"] === undefined ? checkConditions(binding) : []),
    ...checkGrantLists(binding, released),
  ]);

/** Warnings of an agent after which a VM goes on, or may. */
const PASSING: readonly string[] = ["OPTIONS_OMITTED", "REGISTRATION_MISMATCH", "REPAIRED", "TAKEN_OVER"];
const OF_GRANTS: readonly string[] = ["PLAN_OUT_OF_BOUNDS", "GRANTS_INVALID"];

/** What the node agent's last word of a VM means, if that is why it is not attached. */
export function attachFinding({ about, type, reason, message }: SaidEvent): ClusterFinding | undefined {
  if (type !== "Warning" || PASSING.includes(reason)) return undefined;
  const { kind, namespace, name } = about;
  const said = { object: { kind, namespace, name }, problem: `the node agent says ${reason}: ${message}` };
  if (OF_GRANTS.includes(reason))
    return isError("GRANTS_MISSING", {
      ...said,
      fix: "if you trust the binding, grant in spec.grants of its NetworkBinding what the message names, and start the VM again",
    });
  return isError("ATTACH_REFUSED", { ...said, fix: "do what the message says, and start the VM again" });
}

/** VMs that node agents refused, as their last events say; those that are gone are left out. */
export function checkAttached({ said, vmis, pending }: ClusterFacts): readonly ClusterFinding[] {
  const alive = new Set([
    ...listed(vmis).flatMap(({ uid, phase }) => (phase === "Running" ? [] : [uid])),
    ...listed(pending).map((pod) => textAt(pod, "metadata", "uid")),
  ]);
  const last = [...lastByUid(listed(said)).values()].filter(({ about }) => alive.has(about.uid));
  return last.flatMap((event) => attachFinding(event) ?? []);
}

/** True where nothing of a controller is there: an administrator may register by hand. */
export const withoutController = ({ bindings, webhooks }: ClusterFacts): boolean =>
  listed(bindings).length === 0 && listed(webhooks.validating).length === 0 && listed(webhooks.mutating).length === 0;
