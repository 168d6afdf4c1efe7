/** The controller's rights, as the chart has them, in a namespace of a test that is both its own and KubeVirt's. */
import type { ApiCredentials, ApiServer } from "./api-server.ts";
import { type ChartObject, componentOf, hooks, type Rule } from "./chart.ts";
import { rightsInForce, userOf } from "./rights-in-force.ts";

const isOfRoles = ({ rules, roleRef }: ChartObject): boolean => rules !== undefined || roleRef !== undefined;
const items = componentOf("controller").filter(isOfRoles);

/** A verb of a rule of the chart: of its object, of its rules, of its verbs. */
export interface Right {
  readonly item: number;
  readonly rule: number;
  readonly verb: string;
  readonly resource: string;
}

export const CONTROLLER_RIGHTS: readonly Right[] = items.flatMap(({ rules = [] }, item) =>
  rules.flatMap(({ verbs, resources }, rule) =>
    verbs.map((verb) => ({ item, rule, verb, resource: resources[0] ?? "" })),
  ),
);

const without = (rules: readonly Rule[], { rule, verb }: Right): readonly Rule[] =>
  rules
    .map((one, at) => (at === rule ? { ...one, verbs: one.verbs.filter((other) => other !== verb) } : one))
    .filter(({ verbs }) => verbs.length > 0);

/** Credentials of an account that has the chart's rights in a namespace, without one of them where it is given. */
export async function controllerAccount(api: ApiServer, namespace: string, missing?: Right): Promise<ApiCredentials> {
  const suffix = missing === undefined ? "" : `-${missing.item}-${missing.rule}-${missing.verb}`;
  const account = `netbind-controller${suffix}`;
  const credentials = await api.asServiceAccount(namespace, account);
  const objects = items.flatMap((item, at): readonly object[] => {
    // One Role of each of the two namespaces, which are one here.
    const name = `${namespace}-${at}${suffix}`;
    const role = `${namespace}-${items.findIndex((one) => one.rules !== undefined && isRoleOf(item, one))}${suffix}`;
    const metadata = { name, ...(item.metadata.namespace === undefined ? {} : { namespace }) };
    if (item.rules !== undefined)
      return [{ ...item, metadata, rules: missing?.item === at ? without(item.rules, missing) : item.rules }];
    const subjects = [{ kind: "ServiceAccount", name: account, namespace }];
    return [{ ...item, metadata, roleRef: { ...item.roleRef, name: role }, subjects }];
  });
  await api.apply(...objects);
  const rules = (objects as readonly Partial<ChartObject>[]).flatMap((object) => object.rules ?? []);
  await rightsInForce(api, { user: userOf(namespace, account), namespace }, rules);
  return credentials;
}

/** Adds the rights that a hook of the chart has beside the controller's, by its component, to such an account. */
export async function allowHook(api: ApiServer, namespace: string, component: string): Promise<void> {
  const inThere = ({ metadata: { name, namespace: own } }: ChartObject): object => ({
    name: `${namespace}-${name}`,
    ...(own === undefined ? {} : { namespace }),
  });
  const subjects = [{ kind: "ServiceAccount", name: "netbind-controller", namespace }];
  const objects = componentOf(component, hooks().filter(isOfRoles)).map(({ roleRef, ...object }) =>
    roleRef === undefined
      ? { ...object, metadata: inThere(object) }
      : {
          ...object,
          metadata: inThere(object),
          roleRef: { ...roleRef, name: `${namespace}-${roleRef.name}` },
          subjects,
        },
  );
  await api.apply(...objects);
  const rules = objects.flatMap((object) => ("rules" in object ? (object.rules ?? []) : []));
  await rightsInForce(api, { user: userOf(namespace, "netbind-controller"), namespace }, rules);
}

/** True for the role that a binding of the chart binds. */
const isRoleOf = ({ roleRef, metadata }: ChartObject, role: ChartObject): boolean =>
  roleRef?.name === role.metadata.name && metadata.namespace === role.metadata.namespace;
