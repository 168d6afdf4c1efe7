import { askedBy, denied, rightsOf, unused } from "./audit-log.ts";
import { componentOf, hooks } from "./chart.ts";
import type { ClusterDirectory } from "./cluster-directory.ts";

/** Of the rights that a hook of the chart has, those that were not used in a namespace, and what was denied there. */
export function hookRights(
  cluster: ClusterDirectory,
  namespace: string,
  component: string,
): { readonly unused: readonly string[]; readonly denied: readonly string[] } {
  const rights = rightsOf(componentOf(component, hooks()).filter(({ rules }) => rules !== undefined));
  if (rights.length === 0) throw new Error(`the chart's hook "${component}" has no rights`);
  const asked = askedBy(cluster, namespace, "netbind-controller");
  return { unused: unused(rights, asked), denied: denied(asked) };
}
