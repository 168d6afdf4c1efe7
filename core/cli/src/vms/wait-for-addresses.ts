import { type AttachedNic, awaitedGuestAddresses, isAdopted } from "@netbind/engine";
import { findVm, netnsPath, type Progress, type State, type VmStatus, vmStatus } from "@netbind/local";
import { awaitAnswer, awaitOwner, inNetns, scaledTimeout, type Exec } from "@netbind/netns";

/** What a guest is waited for with. */
export interface WaitContext {
  readonly state: State;
  readonly exec: Exec;
  readonly progress: Progress;
  /** Aborted where the caller no longer waits. */
  readonly signal: AbortSignal;
}

type SeenNic = Pick<AttachedNic, "attachment" | "plan">;

const SIGHT_INTERVAL = 2000;
const NEXT_LOOK = 200;
/** Milliseconds in which a guest takes what is left: the other family's address of a NIC, or the next NIC's address. */
const ADDRESS_TIMEOUT = { family: 4000, nic: 20_000 } as const;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
// While nothing has answered, the questions keep this process: a pause that lost the race must not.
const interval = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms).unref());
const aborted = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) =>
    signal.aborted ? resolve(undefined) : signal.addEventListener("abort", resolve, { once: true }),
  );

/** Asks a NIC's guest for each of its addresses, until it answers or the caller no longer waits. */
const ask = (
  inPod: Exec,
  { attachment, plan }: SeenNic,
  seconds: number,
  signal: AbortSignal,
): readonly Promise<boolean>[] =>
  awaitedGuestAddresses(attachment, plan).map((address) =>
    isAdopted(plan)
      ? awaitOwner(inPod, attachment.names.bridge, { address, seconds, signal })
      : awaitAnswer(inPod, { address, seconds, signal }),
  );

/** True where every address that a guest is to take was seen, and a packet each way by its NIC. */
const isComplete = ({ nics }: VmStatus, wanted: readonly SeenNic[]): boolean =>
  wanted.every(({ attachment, plan }) => {
    const awaited = awaitedGuestAddresses(attachment, plan).length;
    const probed = nics.find(({ name }) => name === attachment.name);
    return (
      awaited === 0 ||
      (probed !== undefined &&
        probed.guestAddresses.length >= awaited &&
        probed.traffic?.fromGuest === true &&
        probed.traffic.toGuest)
    );
  });

/** Waits until every guest address is seen, or time is up: some guests take no address, some one family's or one NIC's alone. */
export async function waitForAddresses(
  { state, exec, progress, signal }: WaitContext,
  nics: readonly SeenNic[],
  name: string,
  seconds: number,
): Promise<VmStatus> {
  const over = new AbortController();
  const inPod = inNetns(netnsPath(findVm(state, name).netns), exec);
  const limit = performance.now() + seconds * 1000;
  let end = limit;
  const silent = new Set(nics.filter(({ attachment, plan }) => awaitedGuestAddresses(attachment, plan).length > 0));
  progress("waiting for the guest to take its address");
  const answers = nics.flatMap((nic) =>
    (seconds === 0 ? [] : ask(inPod, nic, seconds, over.signal)).map(async (answer) => {
      if (!(await answer)) return;
      silent.delete(nic);
      end = Math.min(
        limit,
        performance.now() + scaledTimeout(silent.size === 0 ? ADDRESS_TIMEOUT.family : ADDRESS_TIMEOUT.nic),
      );
    }),
  );
  // A guest may keep silent when it is asked, and have its address: its neighbors know.
  let answered = false;
  const all = Promise.all(answers).then(() => {
    answered = true;
  });
  try {
    for (;;) {
      await (answered
        ? pause(NEXT_LOOK)
        : Promise.race([all, aborted(signal), interval(Math.min(SIGHT_INTERVAL, seconds * 1000))]));
      const status = await vmStatus(exec, findVm(state, name));
      if (isComplete(status, nics) || performance.now() > end || signal.aborted || status.phase === "over")
        return status;
    }
  } finally {
    over.abort();
    await all;
  }
}
