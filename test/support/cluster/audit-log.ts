/** What accounts have asked of an API server, as its audit log has it, held against the rights that a chart's roles give. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { ChartObject } from "./chart.ts";
import type { ClusterDirectory } from "./cluster-directory.ts";

/** What is logged: what service accounts ask, without bodies, but for Kubernetes' own controllers. */
const POLICY = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [
    { level: "None", userGroups: ["system:serviceaccounts:kube-system"] },
    { level: "Metadata", userGroups: ["system:serviceaccounts"] },
    { level: "None" },
  ],
};

const logOf = (directory: ClusterDirectory): string => `${directory.logs}/audit.log`;

/** The API server's options that keep the log. */
export function auditOptions(directory: ClusterDirectory): readonly string[] {
  const file = directory.file("audit-policy.json");
  writeFileSync(file, JSON.stringify(POLICY));
  return [`--audit-policy-file=${file}`, `--audit-log-path=${logOf(directory)}`];
}

/** A request of an account's. */
export interface Asked {
  readonly verb: string;
  readonly group: string;
  /** With its subresource: `networkbindings/status`. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly isAllowed: boolean;
}

/** An event of the log, as far as it is read. */
export interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: Readonly<
    Partial<Record<"apiGroup" | "resource" | "subresource" | "namespace" | "name", string>>
  >;
  readonly responseStatus?: {
    readonly code?: number;
    readonly details?: { readonly causes?: readonly { readonly reason?: string }[] };
  };
}

/** True where rights did not do; what a namespace that goes away refuses to make has the same number. */
const isDenial = ({ code, details }: NonNullable<AuditEvent["responseStatus"]>): boolean =>
  code === 403 && details?.causes?.some(({ reason }) => reason === "NamespaceTerminating") !== true;

/** What an event needed rights for: server-side apply that makes its object takes the right to create it too. */
export function askedOf({ verb, objectRef = {}, responseStatus = {} }: AuditEvent): readonly Asked[] {
  const { apiGroup = "", resource = "", subresource, namespace = "", name = "" } = objectRef;
  const full = subresource === undefined ? resource : `${resource}/${subresource}`;
  const verbs = verb === "patch" && responseStatus.code === 201 ? [verb, "create"] : [verb];
  const isAllowed = !isDenial(responseStatus);
  return verbs.map((one) => ({ verb: one, group: apiGroup, resource: full, namespace, name, isAllowed }));
}

/** What an account has asked, in its order; nothing of what is still being answered. */
export function askedBy(directory: ClusterDirectory, namespace: string, account: string): readonly Asked[] {
  if (!existsSync(logOf(directory))) return [];
  const text = readFileSync(logOf(directory), "utf8");
  return text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(({ user }) => user.username === `system:serviceaccount:${namespace}:${account}`)
    .flatMap(askedOf);
}

/** One verb of one resource, or of one object of it, that a role gives. */
export interface Given extends Pick<Asked, "verb" | "group" | "resource"> {
  /** Absent: any. */
  readonly name?: string;
  /** True for a Role's: of one namespace. */
  readonly isNamespaced: boolean;
}

/** Each right that roles give, by itself. */
export const rightsOf = (roles: readonly ChartObject[]): readonly Given[] =>
  roles.flatMap(({ kind, rules = [] }) =>
    rules.flatMap(({ apiGroups, resources, resourceNames, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs.flatMap((verb) => {
            const right = { verb, group, resource, isNamespaced: kind === "Role" };
            return resourceNames === undefined ? [right] : resourceNames.map((name) => ({ ...right, name }));
          }),
        ),
      ),
    ),
  );

const isUse = (right: Given, asked: Asked): boolean =>
  (["verb", "group", "resource"] as const).every((key) => right[key] === asked[key]) &&
  (right.name === undefined || right.name === asked.name) &&
  (!right.isNamespaced || asked.namespace !== "");

const textOf = ({ verb, group, resource, name }: Given | Asked): string =>
  [verb, group === "" ? resource : `${resource}.${group}`, name ?? ""].join(" ").trim();

/** The rights that nothing has used. */
export const unused = (rights: readonly Given[], asked: readonly Asked[]): readonly string[] =>
  rights.filter((right) => !asked.some((one) => one.isAllowed && isUse(right, one))).map(textOf);

/** What was not allowed. */
export const denied = (asked: readonly Asked[]): readonly string[] => [
  ...new Set(asked.filter(({ isAllowed }) => !isAllowed).map(textOf)),
];
