/** Traffic that goes on between a test's client and guests, and what of it got lost meanwhile. */
import type { ApiServer } from "./api-server.ts";
import { inClient } from "./services.ts";
import type { ClusterVm } from "./vm-cluster.ts";

/** A port of guests at which what is sent comes back. */
export const ECHO_PORT = 9000;

/** What was sent, and what came back. */
export interface Held {
  readonly sent: number;
  readonly back: number;
}

/** Pings an address five times a second. */
export async function holdPing(api: ApiServer, address: string): Promise<() => Promise<Held>> {
  const file = `/tmp/ping-${address}`;
  await inClient(api, `ping -i 0.2 ${address} >${file} 2>&1 & echo $! >${file}.pid`);
  return async () => {
    const said = await inClient(api, `kill -s INT $(cat ${file}.pid); sleep 2; tail -n 3 ${file}`);
    const [, sent = "0", back = "0"] = /(\d+) packets transmitted, (\d+) packets received/.exec(said) ?? [];
    return { sent: Number(sent), back: Number(back) };
  };
}

/** Holds one connection to a guest, over which a line goes and comes back five times a second. */
export async function holdConnection(api: ApiServer, vm: ClusterVm, address: string): Promise<() => Promise<Held>> {
  await vm.guest.inGuest(`nc -ll -p ${ECHO_PORT} -e cat >/dev/null 2>&1 & echo listening`);
  const file = `/tmp/held-${address}`;
  const lines = `while [ ! -e ${file}.end ]; do echo x; echo x >>${file}.sent; sleep 0.2; done; sleep 2`;
  // A part of it that kept the command's own outputs would keep kubectl waiting.
  await inClient(api, `{ { ${lines}; } | nc ${address} ${ECHO_PORT}; } >${file}.back 2>/dev/null & echo begun`);
  return async () => {
    const counts = await inClient(api, `touch ${file}.end; sleep 4; wc -l <${file}.sent; wc -l <${file}.back`);
    const [sent = 0, back = 0] = counts.trim().split(/\s+/).map(Number);
    return { sent, back };
  };
}
