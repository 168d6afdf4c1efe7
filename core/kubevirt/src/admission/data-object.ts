import { type Violation, violation } from "@netbind/contract";
import { isLabel, isSubdomain } from "../values/object-name.ts";
import { quote } from "./rules/rule.ts";

const KEY = /^[-._a-zA-Z0-9]{1,253}$/;
const NAME_FIX = "use lower-case letters, digits, - and (in a name) dots";

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What is wrong with the name and the namespace of an object that VMs refer to; a wrong type is reported elsewhere. */
export function checkObjectName(document: unknown): readonly Violation[] {
  const metadata = isObject(document) && isObject(document["metadata"]) ? document["metadata"] : {};
  const { name, namespace } = metadata;
  return [
    ...(typeof name !== "string" || isSubdomain(name)
      ? []
      : [violation("metadata.name", `${quote(name)} is not a valid object name`, NAME_FIX)]),
    ...(typeof namespace !== "string" || isLabel(namespace)
      ? []
      : [violation("metadata.namespace", `${quote(namespace)} is not a valid namespace`, NAME_FIX)]),
  ];
}

function entryProblems(field: string, key: string, value: unknown): readonly Violation[] {
  const at = `${field}.${key}`;
  return [
    ...(KEY.test(key) && key !== "." && !key.startsWith("..")
      ? []
      : [
          violation(
            at,
            `${quote(key)} is not a valid key`,
            "use letters, digits, -, _ and dots, and do not begin with two dots",
          ),
        ]),
    ...(typeof value === "string" || value === null
      ? []
      : [violation(at, `${quote(value)} is not a string`, "write it in quotes")]),
  ];
}

/** Base64 as the API server reads it, which passes over the ends of lines. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** A Secret's value that the API server cannot decode. */
const checkBase64 = (field: string, value: unknown): readonly Violation[] =>
  typeof value !== "string" || BASE64.test(value.replaceAll(/[\r\n]/g, ""))
    ? []
    : [violation(field, "its text is not base64", "write it under stringData as it is, or encode it")];

/** What is wrong with a ConfigMap or a Secret: its names, its keys, which become names of files, and its values. */
export function checkDataObject(document: unknown): readonly Violation[] {
  const fields = isObject(document) ? document : {};
  const entries = (["data", "stringData"] as const).flatMap((field) => {
    const data = fields[field];
    if (data === undefined || data === null) return [];
    if (!isObject(data)) return [violation(field, `${quote(data)} is not an object`, "write keys and their texts")];
    const isEncoded = field === "data" && fields["kind"] === "Secret";
    return Object.entries(data).flatMap(([key, value]) => [
      ...entryProblems(field, key, value),
      ...(isEncoded ? checkBase64(`${field}.${key}`, value) : []),
    ]);
  });
  return [...checkObjectName(document), ...entries];
}
