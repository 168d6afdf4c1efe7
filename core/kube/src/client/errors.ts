/** The errors of the client: one function for each cause, in the order of the alphabet, after the classes that they are of. */
import type { Place, Verb } from "./resource.ts";

/** It is not known how to reach the API server, or as whom. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
}

/** The API server cannot be asked, or does not answer as it should. */
export class ApiError extends Error {
  override readonly name: string = "ApiError";
  /** Of HTTP; absent where there was no answer. */
  readonly status: number | undefined;

  constructor(message: string, status?: number, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** What comes cannot be read: of a watch, an event is lost with it. */
export class UnreadableAnswerError extends ApiError {
  override readonly name: string = "UnreadableAnswerError";
}

/** What is asked for is longer than what is read of an answer. */
export class TooLongError extends UnreadableAnswerError {
  override readonly name = "TooLongError";
}

/** Something was to be made in a namespace that is being deleted: no right is missing, and none would help. */
export class NamespaceTerminatingError extends ApiError {
  override readonly name = "NamespaceTerminatingError";
}

/** What a request was for. */
export interface Asked extends Place {
  readonly verb: Verb;
}

/** The resource as RBAC names it, without its group. */
const pluralOf = ({ resource: { plural }, subresource }: Place): string =>
  subresource === undefined ? plural : `${plural}/${subresource}`;

const resourceOf = (place: Place): string => {
  const { group } = place.resource;
  return group === "" ? pluralOf(place) : `${pluralOf(place)}.${group}`;
};

const what = (asked: Asked): string =>
  [
    `${asked.verb} ${resourceOf(asked)}`,
    ...(asked.name === undefined ? [] : [JSON.stringify(asked.name)]),
    ...(asked.namespace === undefined ? [] : [`in namespace "${asked.namespace}"`]),
  ].join(" ");

/** The rule of a ClusterRole that allows what was asked, as YAML on one line. */
const ruleFor = (asked: Asked): string => {
  const { verb } = asked;
  // Who may not list may not watch either, mostly.
  const verbs = verb === "list" || verb === "watch" ? '"list", "watch"' : `"${verb}"`;
  return `{apiGroups: ["${asked.resource.group}"], resources: ["${pluralOf(asked)}"], verbs: [${verbs}]}`;
};

/** What HTTP's codes mean to who runs the program; the server's own words follow. */
const MEANINGS: Readonly<Record<number, (asked: Asked, source: string) => string>> = {
  401: (_, source) => `the API server does not accept the credentials of ${source}: they are wrong or expired`,
  403: (asked) => `it is not allowed: add the rule ${ruleFor(asked)} to this account's ClusterRole`,
  404: (asked) =>
    asked.name === undefined
      ? `the cluster does not serve ${resourceOf(asked)} ${asked.resource.version}: install what defines it`
      : "there is no such object",
  410: () => "the state that was asked for is not kept any more",
  429: () => "the API server has too much to do",
};

/** What an API server says with an answer that is not a success (meta/v1 Status). */
export interface Refused {
  /** Whose credentials it was asked with. */
  readonly source: string;
  readonly said: string;
  /** Why, for programs: `details.causes[].reason`. */
  readonly causes: readonly string[];
}

const TERMINATING = "NamespaceTerminating";

/** An answer that is not a success. */
export function refusedByServer(asked: Asked, status: number, { source, said, causes }: Refused): ApiError {
  if (causes.includes(TERMINATING))
    return new NamespaceTerminatingError(`cannot ${what(asked)}: the namespace is being deleted`, status);
  const meaning = MEANINGS[status]?.(asked, source) ?? `the API server answers with status ${status}`;
  return new ApiError(`cannot ${what(asked)}: ${meaning}${said === "" ? "" : ` (${said})`}`, status);
}

/** What the codes of the connection's own errors mean. */
const CAUSES: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ECONNRESET: "the connection was reset",
  ENOTFOUND: "its name is not known",
  EAI_AGAIN: "its name cannot be resolved now",
  EHOSTUNREACH: "there is no way to its address",
  ENETUNREACH: "there is no way to its network",
  ETIMEDOUT: "it does not answer",
};

const isOfCertificate = (code: string): boolean =>
  code.startsWith("CERT_") || code.startsWith("UNABLE_TO_") || /SELF_SIGNED|_TLS_CERT_/.test(code);

/** A server that does not answer, or that is not the one that it should be. */
export function serverUnreachable(asked: Asked, at: { server: URL; source: string }, cause: Error): ApiError {
  if (cause instanceof ApiError) return cause;
  const code = (cause as NodeJS.ErrnoException).code ?? "";
  const why =
    CAUSES[code] ??
    (isOfCertificate(code)
      ? `its certificate is not trusted (${cause.message}): the authority or the server's name in ${at.source} is not its own`
      : cause.name === "TimeoutError"
        ? "it does not answer in time"
        : cause.message);
  return new ApiError(`cannot ${what(asked)}: ${at.server.origin}: ${why}`, undefined, { cause });
}

export const tooLong = (unit: string, limit: number): TooLongError =>
  new TooLongError(`the API server sends ${unit} of more than ${limit} bytes`);

/** A watch on which even the server's regular signs of life are missing. */
export const watchSilent = (seconds: number): ApiError => new ApiError(`nothing came on the watch for ${seconds} s`);

export const notJson = (unit: string): UnreadableAnswerError =>
  new UnreadableAnswerError(`the API server sends ${unit} that is not JSON of the API`);

/** An ERROR event of a watch. */
export const watchFailed = (asked: Asked, status: number, said: string): ApiError =>
  new ApiError(`cannot ${what(asked)}: the API server ends the watch: ${said}`, status);
