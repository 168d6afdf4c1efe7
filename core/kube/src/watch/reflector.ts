import { defined } from "@netbind/contract";
import type { ApiClient } from "../client/api-client.ts";
import { ApiError, notJson, TooLongError, UnreadableAnswerError, watchFailed } from "../client/errors.ts";
import type { Place, Resource } from "../client/resource.ts";
import { backoff } from "./backoff.ts";
import { pause } from "./pause.ts";
import {
  type ApiObject,
  isApiObject,
  type ListPage,
  readListPage,
  readWatchEvent,
  type WatchEvent,
} from "./watch-event.ts";
import { ProblemReport } from "../program/problem-report.ts";

/** The times of a reflector, in milliseconds, and the objects of a page of a list. */
export interface ReflectorTiming {
  /**
   * Absent: a list is one answer, and pages are asked for where it was too long. A server answers a whole list from what it
   * has in memory, where it finds a node's pods by their node; for a page it reads all objects of its storage.
   */
  readonly page?: number;
  /** After which the server ends a watch; up to as long again is drawn. */
  readonly watch: number;
  /** Without a byte; a server sends a bookmark about every minute. */
  readonly silence: number;
  readonly backoff: { readonly first: number; readonly most: number };
}

const TIMING: ReflectorTiming = {
  watch: 300_000,
  silence: 150_000,
  backoff: { first: 400, most: 30_000 },
};
/** The objects of a page, where a list is too long, and how many times fewer where a page is. */
const PAGE = 500;
const SMALLER = 8;
/** How a server refuses a version that a list was to be no older than: it does not know it, or it is ahead of what it has. */
const VERSION_REFUSED: readonly (number | undefined)[] = [400, 410, 504];
/** A watch that ends sooner, without a word, is a failure. */
const SHORTEST_WATCH = 1000;

/** What a reflector is made of. `T` is what is kept of an object: small, of the fields that are read. */
export interface ReflectorParts<T> {
  readonly client: ApiClient;
  readonly resource: Resource;
  /** Absent: of all namespaces. */
  readonly namespace?: string;
  readonly selector?: { readonly labelSelector?: string; readonly fieldSelector?: string };
  /** Never throws: what does not have its form is kept as such. */
  readonly read: (object: ApiObject) => T;
  readonly onChange?: () => void;
  /** True where a cluster may do without the resource: not served means that there are no objects. */
  readonly mayBeAbsent?: boolean;
  /** Called with what is wrong, once for as long as it is; with undefined when it is over. */
  readonly onProblem?: (problem: string | undefined) => void;
  readonly timing?: Partial<ReflectorTiming>;
}

/** Follows the objects of a resource: a list, then what changes, and a list again where changes were missed. */
export class Reflector<T> {
  readonly #parts: ReflectorParts<T>;
  readonly #timing: ReflectorTiming;
  /** By namespace and name. */
  #objects: ReadonlyMap<string, T> = new Map();
  /** Up to which everything is known; undefined: what was missed is not sent any more. */
  #version: string | undefined;
  /** The newest that was heard of. */
  #newest: string | undefined;
  #isSynced = false;
  #page: number | undefined;
  readonly #problem: ProblemReport;
  #failures = 0;

  constructor(parts: ReflectorParts<T>) {
    this.#parts = parts;
    this.#problem = new ProblemReport(parts.onProblem);
    this.#timing = { ...TIMING, ...parts.timing };
    this.#page = this.#timing.page;
  }

  /** What was last known, however long ago. */
  get objects(): readonly T[] {
    return [...this.#objects.values()];
  }

  /** True once everything was listed. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** What is wrong now. */
  get problem(): string | undefined {
    return this.#problem.current;
  }

  /** Follows until it is stopped. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#version === undefined) await this.#list(signal);
        await this.#watch(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#note(error as Error);
      }
      await pause(this.#failures === 0 ? 0 : backoff(this.#failures, this.#timing.backoff), signal);
    }
  }

  get #place(): Place {
    const { resource, namespace } = this.#parts;
    return namespace === undefined ? { resource } : { resource, namespace };
  }

  #note(error: Error): void {
    this.#failures++;
    // What changed meanwhile is not kept any more: no trouble, only work.
    if (error instanceof ApiError && error.status === 410) this.#version = undefined;
    else if (error instanceof TooLongError && this.#version === undefined && this.#page !== 1)
      this.#page = this.#page === undefined ? PAGE : Math.ceil(this.#page / SMALLER);
    else {
      if (error instanceof UnreadableAnswerError) this.#version = undefined;
      this.#problem.set(error.message);
      if (this.#parts.mayBeAbsent === true && error instanceof ApiError && error.status === 404) this.#sync();
    }
  }

  /** Of a resource that is not served any more, what was known stays. */
  #sync(): void {
    if (this.#isSynced) return;
    this.#isSynced = true;
    this.#parts.onChange?.();
  }

  /**
   * One answer, or page, of a list. A list after the first one need only be no older than what was heard of, so that a server
   * answers from what it has in memory: where all nodes list again at once, each from storage would take minutes. Of pages it
   * takes each from storage anyway.
   */
  async #ask(next: string | undefined, signal: AbortSignal): Promise<ListPage> {
    const { client, selector } = this.#parts;
    const place = this.#place;
    const newest = this.#page === undefined ? this.#newest : undefined;
    const version = newest === undefined ? {} : { resourceVersion: newest, resourceVersionMatch: "NotOlderThan" };
    const query = { ...selector, ...version, ...defined({ limit: this.#page?.toString(), continue: next }) };
    try {
      const page = readListPage(await client.request({ ...place, verb: "list", query, signal }));
      if (page === undefined) throw notJson(`a list of ${place.resource.plural}`);
      return page;
    } catch (error) {
      if (error instanceof ApiError && VERSION_REFUSED.includes(error.status)) this.#newest = undefined;
      throw error;
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { resource, read, onChange } = this.#parts;
    const objects = new Map<string, T>();
    let version: string;
    let next: string | undefined;
    do {
      const page = await this.#ask(next, signal);
      for (const item of page.items) {
        // The items of a list do not say their kind.
        if (isApiObject(item)) objects.set(keyOf(item), read({ ...item, kind: resource.kind }));
      }
      ({ version, next } = page);
    } while (next !== undefined);
    this.#objects = objects;
    this.#version = this.#newest = version;
    this.#isSynced = true;
    this.#problem.set(undefined);
    onChange?.();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { client, selector } = this.#parts;
    const place = this.#place;
    const { plural } = place.resource;
    const started = performance.now();
    let heard = 0;
    const query = {
      ...selector,
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion: this.#version ?? "",
      timeoutSeconds: String(Math.ceil((this.#timing.watch / 1000) * (1 + Math.random()))),
    };
    const { silence } = this.#timing;
    const onOpen = (): void => this.#problem.set(undefined);
    for await (const line of client.watch({ ...place, verb: "watch", query, signal, silence, onOpen })) {
      heard++;
      this.#failures = 0;
      const event = readWatchEvent(line);
      if (event === undefined) throw notJson(`an event of ${plural}`);
      this.#take(event);
    }
    if (heard > 0 || performance.now() - started > SHORTEST_WATCH) this.#failures = 0;
    else this.#failures++;
  }

  #take(event: WatchEvent): void {
    const { resource, read, onChange } = this.#parts;
    if (event.type === "error") {
      // Whatever it is, the version that was asked for is what the server failed with.
      this.#version = undefined;
      throw watchFailed({ ...this.#place, verb: "watch" }, event.status, event.message);
    }
    this.#version = this.#newest = event.version;
    if (event.type === "bookmark") return;
    const objects = this.#objects as Map<string, T>;
    if (event.type === "deleted") objects.delete(keyOf(event.object));
    else objects.set(keyOf(event.object), read({ ...event.object, kind: resource.kind }));
    onChange?.();
  }
}

const keyOf = ({ metadata: { namespace, name } }: ApiObject): string => `${String(namespace ?? "")}/${name}`;
