import { defined } from "@netbind/contract";
import { type ApiObject, isApiObject, readListPage } from "../watch/watch-event.ts";
import type { ApiClient } from "./api-client.ts";
import { ApiError, notJson, TooLongError } from "./errors.ts";
import type { Place } from "./resource.ts";

/** Which objects are listed, and what is kept of each: of thousands, no more. */
export interface ListRequest<T> extends Omit<Place, "name" | "subresource"> {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Undefined: it is left out. */
  readonly read: (object: ApiObject) => T | undefined;
  readonly signal?: AbortSignal;
  /** Objects of a page; absent: 500. */
  readonly page?: number;
}

const PAGE = 500;
/** How many times fewer objects are asked for where a page is too long. */
const SMALLER = 8;
const GONE = 410;
/** How often a list begins again, for the server keeps its state for some minutes only. */
const RESTARTS = 2;

async function listPages<T>(client: ApiClient, request: ListRequest<T>, page: number): Promise<readonly T[]> {
  const { resource, namespace, labelSelector, fieldSelector, read, signal } = request;
  const selectors = defined({ labelSelector, fieldSelector });
  const kept: T[] = [];
  let next: string | undefined;
  do {
    const query = { limit: String(page), ...selectors, ...(next === undefined ? {} : { continue: next }) };
    const answer = await client.request({ resource, ...defined({ namespace, signal }), verb: "list", query });
    const found = readListPage(answer);
    if (found === undefined) throw notJson("a list");
    for (const object of found.items) {
      const value = isApiObject(object) ? read(object) : undefined;
      if (value !== undefined) kept.push(value);
    }
    next = found.next;
  } while (next !== undefined);
  return kept;
}

/** Lists objects once, in pages. @throws ApiError */
export async function listObjects<T>(client: ApiClient, request: ListRequest<T>): Promise<readonly T[]> {
  let { page = PAGE } = request;
  for (let restarts = 0; ; restarts++) {
    try {
      return await listPages(client, request, page);
    } catch (error) {
      const isTooLong = error instanceof TooLongError && page > 1;
      const isGone = error instanceof ApiError && error.status === GONE;
      if (!isTooLong && (!isGone || restarts === RESTARTS)) throw error;
      if (isTooLong) page = Math.ceil(page / SMALLER);
    }
  }
}
