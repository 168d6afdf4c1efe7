import { HeldProcess } from "./held-process.ts";
import type { ProcessId } from "./process-directory.ts";
import { scaledTimeout } from "./scaled-timeout.ts";
import { exec } from "./exec.ts";

/** The first pause of a wait, in milliseconds: most of what is waited for is a moment away. */
const FIRST_PAUSE = 2;

/**
 * Waits until a condition holds, and looks less and less often, until it is each `interval` milliseconds; false where it did
 * not hold within `deadline` milliseconds.
 */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  deadline: number,
  interval = 20,
): Promise<boolean> {
  const end = performance.now() + scaledTimeout(deadline);
  for (let pause = FIRST_PAUSE; ; pause *= 2) {
    if (await condition()) return true;
    if (performance.now() >= end) return false;
    await new Promise((resolve) => setTimeout(resolve, Math.min(pause, interval)));
  }
}

const SIGNALS = { SIGTERM: 15, SIGKILL: 9 } as const;
/** Descriptors that one child is given. */
const AT_ONCE = 200;
/** pidfd_send_signal(2) has this number on every processor. One that has ended meanwhile is not a failure. */
const SEND = "my $signal = shift; syscall(424, $_ + 0, $signal + 0, 0, 0) for @ARGV";

/**
 * Sends a signal to processes that are held. Node can signal numbers alone, and a number may have passed to another process
 * since it was looked at; the kernel takes the very descriptor that was looked at.
 */
export async function signalHeld(processes: readonly HeldProcess[], name: keyof typeof SIGNALS): Promise<void> {
  for (let at = 0; at < processes.length; at += AT_ONCE) {
    const descriptors = processes.slice(at, at + AT_ONCE).map(({ descriptor }) => descriptor);
    const numbers = descriptors.map((_, index) => String(index + 3));
    await exec(["perl", "-e", SEND, String(SIGNALS[name]), ...numbers], { descriptors });
  }
}

/** What runs below a process, each held; one that is born meanwhile may be missed. */
function heldBelow(parent: HeldProcess, stack: DisposableStack): readonly HeldProcess[] {
  const children = parent.children.flatMap((number) => stack.use(HeldProcess.open(number)) ?? []);
  const own = children.filter((child) => child.parent === parent.id.pid);
  return [...own, ...own.flatMap((child) => heldBelow(child, stack))];
}

/**
 * Ends processes: SIGTERM, then SIGKILL to those that are still there after `grace` milliseconds. Returns those left.
 *
 * What runs below them is asked too: the kernel lets the first process of a PID namespace hear no SIGTERM that it does not
 * catch, and one that only waits for its child (bubblewrap's) ends when that does.
 */
export async function endProcesses(targets: readonly ProcessId[], grace = 2000): Promise<readonly ProcessId[]> {
  using stack = new DisposableStack();
  const held = targets.flatMap((target) => stack.use(HeldProcess.of(target)) ?? []);
  const alive = (): readonly HeldProcess[] => held.filter(({ isAlive }) => isAlive);
  const below = held.flatMap((process) => heldBelow(process, stack));
  const all = new Map([...held, ...below].map((process) => [process.id.pid, process]));
  await signalHeld([...all.values()], "SIGTERM");
  if (await waitUntil(() => alive().length === 0, grace)) return [];
  await signalHeld(alive(), "SIGKILL");
  await waitUntil(() => alive().length === 0, 2000);
  return alive().map(({ id }) => id);
}
