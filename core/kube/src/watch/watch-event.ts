import { isObject } from "@netbind/contract/shape";

/** An object of the API, as far as every one is alike. */
export interface ApiObject extends Readonly<Record<string, unknown>> {
  readonly metadata: Readonly<Record<string, unknown>> & { readonly name: string };
}

/** What a watch says. */
export type WatchEvent =
  | { readonly type: "changed" | "deleted"; readonly object: ApiObject; readonly version: string }
  /** A sign of life, with the version up to which everything was sent. */
  | { readonly type: "bookmark"; readonly version: string }
  | { readonly type: "error"; readonly status: number; readonly message: string };

/** True for what has a name: all that is stored by an API server. */
export const isApiObject = (value: unknown): value is ApiObject =>
  isObject(value) && isObject(value["metadata"]) && typeof value["metadata"]["name"] === "string";

const versionOf = (object: unknown): string | undefined => {
  const version = isObject(object) && isObject(object["metadata"]) ? object["metadata"]["resourceVersion"] : undefined;
  return typeof version === "string" && version !== "" ? version : undefined;
};

/** Reads a line of a watch. Undefined: it is not an event of the API, and what was missed cannot be known. */
export function readWatchEvent(line: unknown): WatchEvent | undefined {
  if (!isObject(line)) return undefined;
  const { type, object } = line;
  if (type === "ERROR") {
    const { code, message } = isObject(object) ? object : {};
    return {
      type: "error",
      status: Number(code) || 0,
      message: String(message ?? "it does not say why").slice(0, 300),
    };
  }
  const version = versionOf(object);
  if (version === undefined) return undefined;
  if (type === "BOOKMARK") return { type: "bookmark", version };
  if ((type !== "ADDED" && type !== "MODIFIED" && type !== "DELETED") || !isApiObject(object)) return undefined;
  return { type: type === "DELETED" ? "deleted" : "changed", object, version };
}

/** One page of a list. */
export interface ListPage {
  readonly items: readonly unknown[];
  readonly version: string;
  /** Where the next page begins; absent: there is none. */
  readonly next?: string;
}

/** Reads a page of a list. Undefined: it is none. */
export function readListPage(answer: unknown): ListPage | undefined {
  const version = versionOf(answer);
  if (!isObject(answer) || !isObject(answer["metadata"]) || version === undefined) return undefined;
  const items = answer["items"] ?? [];
  const next = answer["metadata"]["continue"];
  if (!Array.isArray(items)) return undefined;
  return { items, version, ...(typeof next === "string" && next !== "" ? { next } : {}) };
}
