import { basename, dirname } from "node:path";
import { type Exec, scaledTimeout, waitUntil } from "@netbind/netns";
import { HeldDirectory } from "@netbind/remote/sidecar";
import { holdLibvirtSocket, type Launcher } from "./launcher.ts";
import { MIGRATION_DIRECTORY } from "./libvirt.ts";
import { dropPrivileges, type VmUser } from "./vm-user.ts";
import { LibvirtError } from "../errors.ts";

/** Names in the directory that both launchers see. */
const LIBVIRT = "libvirt.sock";
const GUEST = "guest.sock";
/** What KubeVirt gives a guest for each gibibyte of its memory. */
const SECONDS_PER_GIB = 150;
const GIB = 1024 ** 3;
const SETTLE_DEADLINE = 60_000;
/** How long libvirt may take to answer that a migration is taken back, and then to do it. */
const ABORT_DEADLINE = 10_000;
const ABORT_GRACE = 10_000;
const ABORT_INTERVAL = 200;
/** Between two looks at whether a libvirt answers while a guest moves. */
const LOOK_INTERVAL = 3000;
/** Between a link's going down and its coming up. KubeVirt waits 100 ms, which a guest that is short of CPU does not see. */
const LINK_PAUSE = 500;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The directory in which launchers of a VM meet. */
export interface Meeting {
  readonly exec: Exec;
  /** On the machine: in a directory of root's, and its user's. */
  readonly shared: string;
  readonly user: VmUser;
}

/** Runs a command as the VM's user with the held directory as its descriptor 3; nothing where there is no such directory. */
async function inMeeting(
  { exec, shared, user }: Meeting,
  argv: readonly string[],
  ...more: readonly number[]
): Promise<void> {
  using directory = HeldDirectory.find(dirname(shared), [basename(shared)]);
  if (directory !== undefined)
    await exec([...dropPrivileges(user), ...argv], { descriptors: [directory.descriptor, ...more] });
}

/** Takes away what two launchers met by, whatever stands in its place by now; nothing where they did not. */
export const removeMigrationSockets = (meeting: Meeting): Promise<void> =>
  inMeeting(meeting, [
    "rm",
    "--recursive",
    "--force",
    "--",
    ...[LIBVIRT, GUEST].map((name) => `/proc/self/fd/3/${name}`),
  ]);

/** Where a guest goes. */
export interface Move {
  readonly domain: string;
  readonly source: Launcher;
  readonly target: Launcher;
  /** The target launcher's directory on the machine. */
  readonly targetDirectory: string;
  /** Where both launchers meet. */
  readonly meeting: Meeting;
  /** Bytes of the guest's memory. */
  readonly memory: number;
  readonly signal: AbortSignal;
}

/**
 * Moves a running guest to another libvirt. The libvirts do it between themselves: it goes on, or is taken back, whatever
 * becomes of the caller.
 *
 * @throws LibvirtError where it did not come to its end; whether the guest moved must be seen
 */
export async function moveGuest({
  domain,
  source,
  target,
  targetDirectory,
  meeting,
  memory,
  signal,
}: Move): Promise<void> {
  await removeMigrationSockets(meeting);
  {
    // The target's libvirt is reached by a second name of its socket: nothing else of it is seen.
    using socket = holdLibvirtSocket(targetDirectory, meeting.user);
    await inMeeting(
      meeting,
      ["ln", "--logical", "--no-target-directory", "--", "/proc/self/fd/4", `/proc/self/fd/3/${LIBVIRT}`],
      socket.descriptor,
    );
  }
  // Before anything is asked that cannot be taken back: a migration waits for as long as its guest is large.
  await Promise.all([source.ping(signal), target.ping(signal)]);
  signal.throwIfAborted();
  const watch = new MoveWatch(domain, source, target);
  const stop = (): void => void watch.abort();
  signal.addEventListener("abort", stop, { once: true });
  const deadline = SECONDS_PER_GIB * 1000 * (1 + memory / GIB);
  const to = `qemu+unix:///session?socket=${MIGRATION_DIRECTORY}/${LIBVIRT}`;
  try {
    // Both have the same disks' files: on one machine no other cache is in between.
    const how = ["--live", "--p2p", "--unsafe", "--migrateuri", `unix://${MIGRATION_DIRECTORY}/${GUEST}`];
    await source.virsh(["migrate", ...how, domain, to], { deadline, signal: watch.signal });
  } catch (error) {
    throw watch.stalled ?? error;
  } finally {
    watch.end();
    signal.removeEventListener("abort", stop);
    await removeMigrationSockets(meeting);
  }
}

/** Watches a migration: it is given up where a libvirt of the two does not answer any more, or does not take it back. */
class MoveWatch {
  readonly #domain: string;
  readonly #source: Launcher;
  readonly #giveUp = new AbortController();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** The error of the libvirt that does not answer. */
  stalled: unknown;

  constructor(domain: string, source: Launcher, target: Launcher) {
    this.#domain = domain;
    this.#source = source;
    for (const launcher of [source, target]) this.#look(launcher);
  }

  /** Aborted where the migration is not waited for any longer. */
  get signal(): AbortSignal {
    return this.#giveUp.signal;
  }

  #after(milliseconds: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, scaledTimeout(milliseconds));
    this.#timers.add(timer);
  }

  #look(launcher: Launcher): void {
    this.#after(LOOK_INTERVAL, () => {
      launcher.ping(this.signal).then(
        () => {
          if (!this.signal.aborted) this.#look(launcher);
        },
        (error: unknown) => {
          if (this.signal.aborted) return;
          this.stalled = error;
          this.#giveUp.abort();
        },
      );
    });
  }

  /** Has libvirt take the migration back, and waits a while for that. */
  async abort(): Promise<void> {
    await abortMove(this.#source, this.#domain);
    if (!this.signal.aborted) this.#after(ABORT_GRACE, () => this.#giveUp.abort());
  }

  end(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#giveUp.abort();
  }
}

/** Takes a migration back that is under way; nothing where none is. */
async function abortMove(source: Launcher, domain: string): Promise<void> {
  await source.virsh(["domjobabort", domain], { deadline: ABORT_DEADLINE }).catch(() => undefined);
}

/** Where a domain is: `moving` while it waits for the end of a migration. */
type DomainLocation = "here" | "moving" | "gone";

async function whereabouts(launcher: Launcher, domain: string): Promise<DomainLocation> {
  try {
    const state = await launcher.virsh(["domstate", "--reason", domain]);
    return /^paused \((?:migration|migrating|starting up)\)/.test(state.trim()) || /^(?:shut off|no state)/.test(state)
      ? "moving"
      : "here";
  } catch (error) {
    if (error instanceof LibvirtError && (launcher.qemu() === undefined || error.code === "NO_DOMAIN")) return "gone";
    throw error;
  }
}

/** Where a domain is once it is not moving any more, or time is up. */
async function domainLocation(launcher: Launcher, domain: string): Promise<DomainLocation> {
  let found = await whereabouts(launcher, domain);
  await waitUntil(async () => {
    found = await whereabouts(launcher, domain);
    return found !== "moving";
  }, SETTLE_DEADLINE);
  return found;
}

/** What libvirt answers who takes a migration back where none is, or where the guest is not there any more. */
const isNoMove = (error: Error): boolean => error instanceof LibvirtError && error.code !== undefined;

/**
 * Takes back what is under way of a migration, until libvirt says that nothing is. It takes a migration on before it asks the
 * target for anything: its guest is said to run where it was until then, and for long after.
 *
 * @throws LibvirtError where libvirt does not say so
 */
async function endMove(source: Launcher, domain: string): Promise<void> {
  let refused: unknown;
  const isRefused = async (): Promise<boolean> => {
    refused = await source.virsh(["domjobabort", domain], { deadline: ABORT_DEADLINE }).then(
      () => undefined,
      (error: unknown) => error,
    );
    return refused !== undefined;
  };
  await waitUntil(isRefused, SETTLE_DEADLINE, ABORT_INTERVAL);
  if (refused instanceof Error && !isNoMove(refused) && source.qemu() !== undefined) throw refused;
}

/**
 * Waits until it is plain where a guest is after a migration whose process ended first; takes back what is under way.
 * The place where the launchers meet must be empty, so that no other migration begins behind the answer.
 *
 * @throws LibvirtError where a libvirt does not report it
 */
export async function hasMoved(source: Launcher, target: Launcher, domain: string): Promise<boolean> {
  if (source.qemu() !== undefined) await endMove(source, domain);
  return (await domainLocation(source, domain)) === "gone" && (await domainLocation(target, domain)) === "here";
}

/** Starts a guest again that stands still because its migration failed. */
export async function resumeGuest(launcher: Launcher, domain: string): Promise<void> {
  if ((await whereabouts(launcher, domain)) === "moving") await launcher.virsh(["resume", domain]);
}

/** How long a guest was paused while it moved, in milliseconds; undefined where libvirt does not report it. */
export async function downtimeOf(target: Launcher, domain: string): Promise<number | undefined> {
  const reported = await target.virsh(["domjobinfo", domain, "--completed"]).catch(() => "");
  const value = /^Total downtime:\s*(\d+)\s*ms/m.exec(reported)?.[1];
  return value === undefined ? undefined : Number(value);
}

/** Sets a NIC's link down and up, so that its guest configures its network again. */
export async function refreshLink(launcher: Launcher, domain: string, mac: string): Promise<void> {
  await launcher.virsh(["domif-setlink", domain, mac, "down"]);
  await pause(LINK_PAUSE);
  await launcher.virsh(["domif-setlink", domain, mac, "up"]);
}
