/** The node agent's rights, as the chart has them, for service accounts of tests. */
import type { ApiCredentials, ApiServer } from "./api-server.ts";
import { chartObject, type Rule } from "./chart.ts";
import { rightsInForce, userOf } from "./rights-in-force.ts";

const ROLE = chartObject("ClusterRole", "netbind-agent");
export const AGENT_RULES: readonly Rule[] = ROLE.rules ?? [];

/** Credentials of a service account, which has these rules and no others. */
export async function accountWith(
  api: ApiServer,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  rules: readonly Rule[],
): Promise<ApiCredentials> {
  const credentials = await api.asServiceAccount(namespace, name);
  const metadata = { name: `${namespace}-${name}` };
  const subjects = [{ kind: "ServiceAccount", name, namespace }];
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: metadata.name };
  const apiVersion = "rbac.authorization.k8s.io/v1";
  await api.apply(
    { ...ROLE, metadata, rules },
    { apiVersion, kind: "ClusterRoleBinding", metadata, subjects, roleRef },
  );
  await rightsInForce(api, { user: userOf(namespace, name), namespace }, rules);
  return credentials;
}
