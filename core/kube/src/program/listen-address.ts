import { isIP } from "node:net";

/** Where a server listens. */
export interface ListenAddress {
  /** Absent: every address of the pod, of both families. */
  readonly host?: string;
  /** 0: one that is free. */
  readonly port: number;
}

/** What an option says to listen at is not an address, or none of this pod's. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

export const listenRefused = (address: string, code: string, option = "listen"): ListenError =>
  new ListenError(
    `--${option} ${address}: it cannot be listened at (${code}): name an address of this pod, and a free port`,
  );

/**
 * Reads the `ADDRESS:PORT` of an option, or its `:PORT`. The address is a number: a name might be another host's.
 *
 * @throws ListenError
 */
export function readListenAddress(text: string, option = "listen"): ListenAddress {
  const [, ipv6, ipv4, port] = /^(?:\[([^\]]+)\]|([^:]+))?:(\d{1,5})$/.exec(text) ?? [];
  const host = ipv6 ?? ipv4;
  const isHost = host === undefined || isIP(host) === (ipv6 === undefined ? 4 : 6);
  if (port === undefined || !isHost || Number(port) > 65_535)
    throw new ListenError(
      `--${option}: ${JSON.stringify(text)} is not ADDRESS:PORT, such as 127.0.0.1:9447 or [::1]:9447, and not :PORT`,
    );
  return { ...(host === undefined ? {} : { host }), port: Number(port) };
}
