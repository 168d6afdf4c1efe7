import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { isObject } from "@netbind/contract/shape";
import type { ApiConnection } from "./connection.ts";
import {
  type Asked,
  notJson,
  type Refused,
  refusedByServer,
  serverUnreachable,
  tooLong,
  watchSilent,
} from "./errors.ts";
import { jsonLines } from "./json-lines.ts";
import { pathOf, type Verb } from "./resource.ts";

/** A request of the API. */
export interface ApiCall extends Asked {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  /** What a patch is: a JSON merge patch (RFC 7386, "merge") where nothing is said, or server-side apply ("apply"). */
  readonly patch?: keyof typeof PATCHES;
  readonly signal?: AbortSignal;
}

/** A watch: a call whose answer goes on. */
export interface WatchCall extends Omit<ApiCall, "body" | "verb"> {
  readonly verb: "watch";
  /** Milliseconds without a byte after which the connection counts as broken. */
  readonly silence: number;
  /** Called once the server has agreed. */
  readonly onOpen?: () => void;
}

const METHODS: Readonly<Record<Verb, string>> = {
  create: "POST",
  delete: "DELETE",
  get: "GET",
  list: "GET",
  patch: "PATCH",
  update: "PUT",
  watch: "GET",
};
/** JSON is YAML, which is the one type that server-side apply has. */
const PATCHES = { merge: "application/merge-patch+json", apply: "application/apply-patch+yaml" } as const;

/** Milliseconds for an answer as a whole; a server itself gives up after 60 s. */
const DEADLINE = 30_000;
/** The most bytes of an answer, and of one event of a watch; an object of etcd has at most 1.5 MiB. */
const LONGEST_ANSWER = 64 * 1024 * 1024;
const LONGEST_EVENT = 16 * 1024 * 1024;
const LONGEST_REFUSAL = 64 * 1024;
const MOST_SAID = 300;

/**
 * A client of the Kubernetes API with what Netbind's programs need, over TLS that is always verified. The official library
 * would alone take most of the memory that a node's agent may have.
 */
export class ApiClient {
  readonly #connection: ApiConnection;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 2 });

  constructor(connection: ApiConnection) {
    this.#connection = connection;
  }

  /** Where it asks, for messages. */
  get server(): string {
    return this.#connection.server.origin;
  }

  /** Asks once, and gives the answer's object. @throws ApiError */
  async request(call: ApiCall): Promise<Readonly<Record<string, unknown>>> {
    const deadline = AbortSignal.timeout(DEADLINE);
    const signal = call.signal === undefined ? deadline : AbortSignal.any([deadline, call.signal]);
    return await this.#explained(call, signal, async () => {
      const answer = await this.#open({ ...call, signal });
      await this.#refuse(call, answer);
      const value = parse(await bounded(answer, LONGEST_ANSWER));
      if (!isObject(value)) throw notJson("an answer");
      return value;
    });
  }

  /** The events of a watch, until the server ends it. @throws ApiError */
  async *watch(call: WatchCall): AsyncGenerator<unknown, void> {
    const { signal, silence } = call;
    try {
      const answer = await this.#open(call, silence);
      await this.#refuse(call, answer);
      call.onOpen?.();
      yield* jsonLines(answer, LONGEST_EVENT);
    } catch (error) {
      throw this.#explain(call, error as Error, signal);
    }
  }

  /** Ends the connections that are kept for later. */
  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  async #explained<T>(call: ApiCall, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#explain(call, error as Error, signal);
    }
  }

  #explain(call: Asked, error: Error, signal: AbortSignal | undefined): Error {
    // What Node says of an abort is not why there was one.
    const cause = signal?.aborted === true && signal.reason instanceof Error ? signal.reason : error;
    return serverUnreachable(call, this.#connection, cause);
  }

  /** Sends a request. `silence`: the connection is this request's own, and broken after so many milliseconds. */
  #open(call: ApiCall | WatchCall, silence?: number): Promise<IncomingMessage> {
    const { server } = this.#connection;
    const { token, ...tls } = this.#connection.credentials();
    const body = "body" in call && call.body !== undefined ? JSON.stringify(call.body) : undefined;
    const type = call.verb === "patch" ? PATCHES[("patch" in call && call.patch) || "merge"] : "application/json";
    const query = new URLSearchParams(call.query ?? {}).toString();
    return new Promise((resolve, reject) => {
      const sent = request({
        ...tls,
        rejectUnauthorized: true,
        host: server.hostname.replace(/^\[|\]$/g, ""),
        port: server.port === "" ? 443 : Number(server.port),
        path: `${server.pathname === "/" ? "" : server.pathname}${pathOf(call)}${query === "" ? "" : `?${query}`}`,
        method: METHODS[call.verb],
        agent: silence === undefined ? this.#agent : false,
        headers: {
          accept: "application/json",
          "user-agent": "netbind",
          ...(body === undefined ? {} : { "content-type": type, "content-length": Buffer.byteLength(body) }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        ...(call.signal === undefined ? {} : { signal: call.signal }),
      });
      let open: IncomingMessage | undefined;
      // What ends an answer says why only where the answer itself is reported.
      if (silence !== undefined) sent.setTimeout(silence, () => (open ?? sent).destroy(watchSilent(silence / 1000)));
      sent.on("error", reject);
      sent.on("response", (answer) => {
        open = answer;
        resolve(answer);
      });
      sent.end(body);
    });
  }

  /** @throws ApiError where an answer is not a success */
  async #refuse(call: Asked, answer: IncomingMessage): Promise<void> {
    const { statusCode: status = 0 } = answer;
    if (status >= 200 && status < 300) return;
    const text = await bounded(answer, LONGEST_REFUSAL).catch(() => "");
    throw refusedByServer(call, status, { source: this.#connection.source, ...readStatus(text) });
  }
}

/** What a Status of the API says, or the text itself, where a proxy answers. */
function readStatus(text: string): Pick<Refused, "said" | "causes"> {
  let status: unknown;
  try {
    status = JSON.parse(text);
  } catch {
    return { said: text.trim().slice(0, MOST_SAID), causes: [] };
  }
  const { message, details } = isObject(status) ? status : {};
  const causes = isObject(details) && Array.isArray(details["causes"]) ? details["causes"] : [];
  return {
    said: typeof message === "string" ? message.trim().slice(0, MOST_SAID) : "",
    causes: causes.flatMap((cause) => (isObject(cause) ? [String(cause["reason"])] : [])),
  };
}

async function bounded(answer: IncomingMessage, limit: number): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > limit) throw tooLong("an answer", limit);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notJson("an answer");
  }
}
