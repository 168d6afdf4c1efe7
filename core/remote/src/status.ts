import { BindingError, ERROR_CODES, type ErrorCode } from "@netbind/contract";
import { Metadata, type ServiceError, status, type StatusObject } from "@grpc/grpc-js";
import { messageTooLong } from "./errors.ts";

/** Messages are at most this long, both ways. */
export const MESSAGE_LIMIT: number = 4 * 1024 * 1024;

const REASON = "netbind-reason";
const HINT = "netbind-hint-bin";

/** The gRPC code says what kind of recovery makes sense; the reason says which it is. */
const GRPC_CODE = {
  ATTACHMENT_INVALID: status.INVALID_ARGUMENT,
  ATTACHMENT_MISSING: status.FAILED_PRECONDITION,
  ATTACH_UNSEALED: status.PERMISSION_DENIED,
  CONTRACT_UNSUPPORTED: status.FAILED_PRECONDITION,
  DOMAIN_INVALID: status.INVALID_ARGUMENT,
  HOOK_UNSUPPORTED: status.UNIMPLEMENTED,
  INTERNAL: status.INTERNAL,
  PLAN_IMPOSSIBLE: status.FAILED_PRECONDITION,
  PLAN_OUT_OF_BOUNDS: status.INVALID_ARGUMENT,
  PLUGIN_FAILED: status.INTERNAL,
  POD_LINK_MISSING: status.FAILED_PRECONDITION,
  UNAVAILABLE: status.UNAVAILABLE,
} as const satisfies Record<ErrorCode, status>;

/** An error for the wire. Its cause stays here. */
export function errorToStatus(thrown: unknown): Partial<StatusObject> {
  const error = BindingError.from(thrown);
  const metadata = new Metadata();
  metadata.set(REASON, error.code);
  metadata.set(HINT, Buffer.from(error.hint, "utf8"));
  return { code: GRPC_CODE[error.code], details: error.message, metadata };
}

/** What came of connecting, by the kernel's word for it. */
const NOT_CONNECTED: Readonly<Record<string, string>> = {
  ENOENT: "there is no socket",
  ECONNREFUSED: "no process listens on the socket",
  EACCES: "this user may not connect to the socket",
  EPERM: "this user may not connect to the socket",
};

/** gRPC's message, in words where the call reached no server. */
function reasonOf({ code, details }: ServiceError): string {
  const connecting = code === status.UNAVAILABLE ? /\bconnect (E[A-Z]+)/.exec(details)?.[1] : undefined;
  if (connecting === undefined) return details;
  return NOT_CONNECTED[connecting] ?? `the socket cannot be connected to: ${connecting}`;
}

/** An error from the wire. What names no reason is UNAVAILABLE where nothing answered, else PLUGIN_FAILED. */
export function errorFromStatus(error: ServiceError): BindingError {
  const reason = String(error.metadata.get(REASON)[0] ?? "");
  const known = ERROR_CODES.find((code) => code === reason);
  // gRPC itself says so of a message, whichever end it comes from.
  if (known === undefined && error.code === status.RESOURCE_EXHAUSTED) {
    return messageTooLong(MESSAGE_LIMIT, error.details, error);
  }
  const hint = error.metadata.get(HINT)[0];
  const absent = error.code === status.UNAVAILABLE || error.code === status.DEADLINE_EXCEEDED;
  const code = known ?? (absent ? "UNAVAILABLE" : "PLUGIN_FAILED");
  return new BindingError(
    code,
    known === undefined ? reasonOf(error) : error.details,
    hint === undefined ? "see the log of the process that should answer" : hint.toString(),
    {
      cause: error,
    },
  );
}
