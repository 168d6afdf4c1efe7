import type { ClientOptions, ServiceError } from "@grpc/grpc-js";
import { errorFromStatus, MESSAGE_LIMIT } from "./status.ts";
import { noAnswer } from "./errors.ts";

/** What an answer of a binding or a sidecar is waited for, in milliseconds. */
export const DEADLINE = 10_000;

export const OPTIONS: ClientOptions = {
  // What KubeVirt's launcher says, whatever the socket's path.
  "grpc.default_authority": "localhost",
  "grpc.max_receive_message_length": MESSAGE_LIMIT,
  "grpc.max_send_message_length": MESSAGE_LIMIT,
  "grpc.enable_http_proxy": 0,
};

export type Callback<R> = (error: ServiceError | null, response: R) => void;

/** A call that was started, and that can be given up. */
export interface Pending {
  cancel(): void;
}

/**
 * Makes a call with callbacks one with a promise, its error a BindingError. The deadline is measured by a clock that
 * is not set: gRPC's own is a time of day, which may jump.
 */
export function call<R>(deadline: number, start: (callback: Callback<R>) => Pending): Promise<R> {
  return new Promise((resolve, reject) => {
    let late = false;
    const pending = start((error, response) => {
      clearTimeout(timer);
      if (error === null) resolve(response);
      else reject(late ? noAnswer(deadline, error) : errorFromStatus(error));
    });
    const timer = setTimeout(() => {
      late = true;
      pending.cancel();
    }, deadline);
  });
}

/** A socket's path as gRPC takes it. */
export const address = (socket: string): string => `unix:${socket}`;
