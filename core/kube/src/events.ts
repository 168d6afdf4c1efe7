import { createHash } from "node:crypto";
import type { ApiClient } from "./client/api-client.ts";
import { ApiError, NamespaceTerminatingError, UnreadableAnswerError } from "./client/errors.ts";
import { EVENTS } from "./client/resource.ts";
import { backoff } from "./watch/backoff.ts";
import { pause } from "./watch/pause.ts";

/** What an event is about. */
export interface EventSubject {
  readonly apiVersion: string;
  readonly kind: string;
  /** Absent: of the whole cluster. */
  readonly namespace?: string;
  readonly name: string;
  readonly uid: string;
}

/** What is said of it. */
export interface ApiEvent {
  readonly about: EventSubject;
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  /** Cut to what an event holds. */
  readonly message: string;
}

/** Who says it: a program, on a node. */
export interface EventSource {
  readonly component: string;
  readonly host: string;
  /** Called where an event cannot be written, once for each problem until one is written again. */
  readonly onProblem?: (problem: string) => void;
}

/** The most bytes of a message, and events that wait for the server: more are dropped, oldest first. */
const LONGEST_MESSAGE = 1024;
const MOST_WAITING = 500;
const LONGEST_NAME = 200;
/** Where the API has events of objects that are the whole cluster's. */
const OF_CLUSTER = "default";
/** Milliseconds for what is to be written when the program ends. */
const LAST_WORDS = 3000;
/** Between two tries while the server does not answer. */
const RETRY = { first: 500, most: 15_000 } as const;

/**
 * Writes events of Kubernetes. The same one again only counts: an event's name follows from what it says, so it is the
 * same after a restart.
 */
export class EventWriter {
  readonly #client: ApiClient;
  readonly #source: EventSource;
  #waiting: ApiEvent[] = [];
  #writing: Promise<void> | undefined;
  #problem: string | undefined;
  readonly #ended = new AbortController();

  constructor(client: ApiClient, source: EventSource) {
    this.#client = client;
    this.#source = source;
  }

  /** Writes an event, after those before it. Neither waits nor throws: what an event tells is logged as well. */
  write(event: ApiEvent): void {
    this.#waiting = [...this.#waiting.slice(1 - MOST_WAITING), event];
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
  }

  /** Waits until nothing is being written. */
  async idle(): Promise<void> {
    await this.#writing;
  }

  /** Writes what waits, for a few seconds at most, and drops the rest. */
  async end(): Promise<void> {
    const stop = new AbortController();
    await Promise.race([this.idle(), pause(LAST_WORDS, stop.signal)]);
    stop.abort();
    this.#waiting = [];
    this.#ended.abort();
  }

  async #writeAll(): Promise<void> {
    let failures = 0;
    for (let [event] = this.#waiting; event !== undefined; [event] = this.#waiting) {
      const isAway = await this.#try(event);
      failures = isAway ? failures + 1 : 0;
      if (isAway) await pause(backoff(failures, RETRY), this.#ended.signal);
      // Meanwhile it may have been dropped for newer ones.
      else if (this.#waiting[0] === event) this.#waiting.shift();
    }
  }

  /** Writes an event, or says why not. True where the server is away: the event waits for it. */
  async #try(event: ApiEvent): Promise<boolean> {
    try {
      await this.#write(event);
      this.#problem = undefined;
      return false;
    } catch (error) {
      // All that is in there goes, and what is said of it would too.
      if (error instanceof NamespaceTerminatingError) return false;
      const { message } = error as Error;
      if (message !== this.#problem) this.#source.onProblem?.(message);
      this.#problem = message;
      return isPassing(error);
    }
  }

  async #write(event: ApiEvent): Promise<void> {
    const message = cut(event.message);
    const place = { resource: EVENTS, namespace: event.about.namespace ?? OF_CLUSTER };
    const name = nameOf(event, message, this.#source);
    const now = new Date().toISOString().replace(/\.\d+Z$/, "Z");
    try {
      await this.#client.request({ ...place, verb: "create", body: this.#body({ ...event, message }, name, now) });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 409) throw error;
      const { count } = await this.#client.request({ ...place, verb: "get", name });
      const body = { count: (typeof count === "number" ? count : 1) + 1, lastTimestamp: now };
      await this.#client.request({ ...place, verb: "patch", name, body });
    }
  }

  #body({ about, type, reason, message }: ApiEvent, name: string, now: string): object {
    const { component, host } = this.#source;
    return {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name, namespace: about.namespace ?? OF_CLUSTER },
      involvedObject: about,
      type,
      reason,
      message,
      source: { component, host },
      reportingComponent: component,
      reportingInstance: host,
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    };
  }
}

/** True for an error that another try may not meet: the server did not answer, or has too much to do. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof ApiError) || error instanceof UnreadableAnswerError) return false;
  return error.status === undefined || error.status === 429 || error.status >= 500;
}

/** A message in as many bytes as an event has, in whole characters. */
function cut(message: string): string {
  const bytes = Buffer.from(message);
  if (bytes.length <= LONGEST_MESSAGE) return message;
  const decoder = new TextDecoder("utf-8", { fatal: false });
  return `${decoder.decode(bytes.subarray(0, LONGEST_MESSAGE - 3), { stream: true })}...`;
}

/** The beginning of a name that another may begin with: it ends as names do. */
function beginning(name: string): string {
  let end = Math.min(name.length, LONGEST_NAME);
  while (end > 0 && !/[a-z0-9]/.test(name.charAt(end - 1))) end -= 1;
  return name.slice(0, end);
}

/** A name that follows from what is said, of whom, and by whom. */
function nameOf({ about, type, reason }: ApiEvent, message: string, { component, host }: EventSource): string {
  const said = JSON.stringify([component, host, about.uid, about.kind, type, reason, message]);
  const hash = createHash("sha256").update(said).digest("hex").slice(0, 16);
  return `${beginning(about.name)}.${hash}`;
}
