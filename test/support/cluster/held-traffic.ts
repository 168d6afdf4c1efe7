/** Traffic that goes on between a test's client and guests, and what of it got lost meanwhile. */
import { waitUntil } from "@netbind/netns";
import type { ApiServer } from "./api-server.ts";
import { inClient } from "./services.ts";
import type { ClusterVm } from "./vm-cluster.ts";

/** A port of guests at which what is sent comes back. */
export const ECHO_PORT = 9000;

/** What was sent, and what of it did not come back. */
export interface Held {
  readonly sent: number;
  /** The numbers of packets or lines, from 0; of a connection, those of its end. */
  readonly lost: readonly number[];
}

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at);

/** Seconds that answers may take: a guest's processor is emulated, on a machine with other work. */
const ANSWERED_WITHIN = 40;
/** Replies after which all that was sent before has been answered, or is lost: they come in order. */
const MORE_REPLIES = 25;

/** Pings an address five times a second. What is sent counts after the first answer, and once later ones were answered. */
export async function holdPing(api: ApiServer, address: string): Promise<() => Promise<Held>> {
  const file = `/tmp/ping-${address}`;
  await inClient(api, `ping -i 0.2 ${address} >${file} 2>&1 & echo $! >${file}.pid`);
  const replies = async (): Promise<readonly number[]> =>
    [...(await inClient(api, `cat ${file}`)).matchAll(/ seq=(\d+) /g)].map(([, seq]) => Number(seq));
  const newest = async (): Promise<number> => Math.max(-1, ...(await replies()));
  const answers = (at: number): Promise<boolean> =>
    waitUntil(async () => (await newest()) >= at, ANSWERED_WITHIN * 1000, 1000);
  if (!(await answers(0))) throw new Error(`${address} does not answer`);
  const [first = 0] = await replies();
  return async () => {
    const last = (await newest()) + MORE_REPLIES;
    const isAnswered = await answers(last);
    const back = new Set(await replies());
    await inClient(api, `kill $(cat ${file}.pid)`);
    if (!isAnswered) throw new Error(`${address} has stopped answering after ${back.size} replies`);
    const lost = upTo(last + 1).filter((seq) => seq >= first && !back.has(seq));
    return { sent: last + 1 - first, lost };
  };
}

/** Holds one connection to a guest, over which a line goes and comes back five times a second. */
export async function holdConnection(api: ApiServer, vm: ClusterVm, address: string): Promise<() => Promise<Held>> {
  await vm.guest.inGuest(`nc -ll -p ${ECHO_PORT} -e cat >/dev/null 2>&1 & echo listening`);
  const file = `/tmp/held-${address}`;
  const lines = `while [ ! -e ${file}.end ]; do echo x; echo x >>${file}.sent; sleep 0.2; done`;
  const held = `while [ ! -e ${file}.close ]; do sleep 0.2; done`;
  // A part of it that kept the command's own outputs would keep kubectl waiting.
  await inClient(
    api,
    `{ { ${lines}; ${held}; } | nc ${address} ${ECHO_PORT}; } >${file}.back 2>/dev/null & echo begun`,
  );
  const missing = `[ $(wc -l <${file}.sent) -gt $(wc -l <${file}.back) ]`;
  const answered = `n=0; while [ $n -lt ${ANSWERED_WITHIN} ] && ${missing}; do sleep 1; n=$((n+1)); done`;
  return async () => {
    const counts = await inClient(
      api,
      `touch ${file}.end; sleep 1; ${answered}; touch ${file}.close; wc -l <${file}.sent; wc -l <${file}.back`,
    );
    const [sent = 0, back = 0] = counts.trim().split(/\s+/).map(Number);
    return { sent, lost: upTo(sent).slice(back) };
  };
}
