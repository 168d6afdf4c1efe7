/** Rights of accounts, once an API server grants them. */
import { waitUntil } from "@netbind/netns";
import type { ApiServer } from "./api-server.ts";
import type { Rule } from "./chart.ts";

interface Review {
  readonly status: { readonly resourceRules: readonly Rule[] };
}

const REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
const keyOf = ({ apiGroups, resources, resourceNames = [], verbs }: Rule): string =>
  JSON.stringify([apiGroups, resources, resourceNames, verbs]);

/** Waits until a user has rules in a namespace: the authorizer hears of a role, and of who has it, a moment after they are stored. */
export async function rightsInForce(
  api: ApiServer,
  { user, namespace }: { readonly user: string; readonly namespace: string },
  rules: readonly Rule[],
): Promise<void> {
  const kind = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectRulesReview" };
  let missing: readonly Rule[] = rules;
  const areGranted = async (): Promise<boolean> => {
    const body = { ...kind, spec: { namespace } };
    const { status } = await api.request<Review>({ method: "POST", path: REVIEWS, body, user });
    const granted = new Set(status.resourceRules.map(keyOf));
    missing = rules.filter((rule) => !granted.has(keyOf(rule)));
    return missing.length === 0;
  };
  if (!(await waitUntil(areGranted, 30_000, 10)))
    throw new Error(`${user} has not got these rules: ${JSON.stringify(missing)}`);
}

/** The user that a service account is. */
export const userOf = (namespace: string, account: string): string => `system:serviceaccount:${namespace}:${account}`;
