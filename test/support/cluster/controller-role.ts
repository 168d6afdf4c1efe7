/** The controller's rights, as its manifest has them, in a namespace of a test that is both its own and KubeVirt's. */
import { readFileSync } from "node:fs";
import type { Rule } from "./agent-role.ts";
import type { ApiCredentials, ApiServer } from "./api-server.ts";

interface Item {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly Rule[];
  readonly roleRef?: { readonly name: string };
  readonly subjects?: readonly object[];
}

const FILE = new URL("../../../core/controller/manifests/rbac.json", import.meta.url);
const { items } = JSON.parse(readFileSync(FILE, "utf8")) as { readonly items: readonly Item[] };

/** A verb of a rule of the manifest: of its item, of its rules, of its verbs. */
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

/** Credentials of an account that has the manifest's rights in a namespace, without one of them where it is given. */
export async function controllerAccount(api: ApiServer, namespace: string, missing?: Right): Promise<ApiCredentials> {
  const suffix = missing === undefined ? "" : `-${missing.item}-${missing.rule}-${missing.verb}`;
  const account = `netbind-controller${suffix}`;
  const credentials = await api.asServiceAccount(namespace, account);
  const objects = items.flatMap((item, at): readonly object[] => {
    if (item.kind === "ServiceAccount") return [];
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
  return credentials;
}

/** True for the role that a binding of the manifest binds. */
const isRoleOf = (binding: Item, role: Item): boolean =>
  `${role.kind}Binding` === binding.kind && role.metadata.namespace === binding.metadata.namespace;
