/** Plays virt-handler on both nodes of a migration: connects the two launchers, and says in the VMI how far it is. */
import { chmodSync, chownSync, closeSync, mkdirSync, openSync, rmSync } from "node:fs";
import { createServer, connect, type Server } from "node:net";
import { basename, dirname } from "node:path";
import { once } from "node:events";
import type { KubevirtConfiguration } from "@netbind/kubevirt";
import type { ClusterGuest } from "./cluster-guest.ts";
import type { LauncherVolume } from "./launcher-volume.ts";
import type { ScheduledVm } from "./virt-controller.ts";
import type { Migration } from "./vm-objects.ts";

const USER = 107;
/** As virt-handler's proxies have it, below the volume that it has with a launcher. */
const DIRECTORY = "migrationproxy";
const IN_LAUNCHER = `/var/run/kubevirt/${DIRECTORY}`;
const LIBVIRT = "/netbind/run/libvirt/libvirt-sock";

/** Opens a socket's directory, and names the socket below it: its whole path is longer than a socket's may be. */
function shortPath(path: string): { readonly path: string; readonly descriptor: number } {
  const descriptor = openSync(dirname(path), "r");
  return { descriptor, path: `/proc/self/fd/${descriptor}/${basename(path)}` };
}

/** Passes the connections of one socket on to another, each for the launchers' user. */
class SocketProxy implements Disposable {
  readonly #server: Server;
  readonly #descriptors: number[] = [];

  private constructor(to: string) {
    this.#server = createServer((client) => {
      const target = shortPath(to);
      const server = connect(target.path);
      server.once("connect", () => closeSync(target.descriptor));
      for (const [from, into] of [
        [client, server],
        [server, client],
      ] as const) {
        from.on("error", () => into.destroy());
        from.on("close", () => into.destroy());
        from.pipe(into);
      }
    });
  }

  static async between(from: string, to: string): Promise<SocketProxy> {
    const proxy = new SocketProxy(to);
    const own = shortPath(from);
    proxy.#descriptors.push(own.descriptor);
    rmSync(from, { force: true });
    await once(proxy.#server.listen(own.path), "listening");
    chmodSync(from, 0o666);
    return proxy;
  }

  [Symbol.dispose](): void {
    this.#server.close();
    for (const descriptor of this.#descriptors) closeSync(descriptor);
  }
}

/** Makes the directory of a launcher's proxies. */
function prepare(launcher: LauncherVolume): void {
  const directory = launcher.path(DIRECTORY);
  mkdirSync(directory, { recursive: true });
  chownSync(directory, USER, USER);
}

/** Has the target's launcher wait for the guest: its hooks are asked first, once. */
export async function prepareTarget(
  { objects, pod }: ScheduledVm,
  guest: ClusterGuest,
  configuration: KubevirtConfiguration,
  migration: Migration,
): Promise<readonly { readonly event: string }[]> {
  const { events } = await guest.define(configuration, true);
  prepare(guest.launcher);
  guest.launcher.write("incoming", "");
  await guest.launcher.read("started", "the target's libvirt");
  await objects.patchVmi({ status: { migrationState: { targetNodeAddress: pod.status.podIPs?.[0]?.ip } } });
  await objects.setMigrationPhase(migration, "TargetReady");
  return events;
}

const now = (): string => new Date().toISOString().replace(/\.\d+Z$/, "Z");

/** Sends the guest from one launcher to the other. @throws Error where libvirt refuses, with its word */
export async function moveGuest(
  { objects, pod }: ScheduledVm,
  [source, target]: readonly [LauncherVolume, LauncherVolume],
  migration: Migration,
): Promise<void> {
  const report = (state: object, nodeName?: string): Promise<unknown> => {
    const labels = nodeName === undefined ? {} : { "kubevirt.io/nodeName": nodeName };
    const status = { migrationState: state, ...(nodeName === undefined ? {} : { nodeName }) };
    return objects.patchVmi({ metadata: { labels }, status });
  };
  const [libvirt, memory] = [`${migration.uid}-source.sock`, `${migration.uid}-49152-source.sock`];
  prepare(source);
  using _libvirt = await SocketProxy.between(source.path(`${DIRECTORY}/${libvirt}`), target.rootfs(LIBVIRT));
  const arrival = target.path(`${DIRECTORY}/${memory}`);
  using _memory = await SocketProxy.between(source.path(`${DIRECTORY}/${memory}`), arrival);
  await report({ mode: "PreCopy", startTimestamp: now() });
  await objects.setMigrationPhase(migration, "Running");
  const to = `qemu+unix:///session?socket=${IN_LAUNCHER}/${libvirt}`;
  source.write("migrate", `${to} unix://${IN_LAUNCHER}/${memory}\n`);
  const said = await source.read("migrated", "the end of the migration");
  if (/^error:/m.test(said)) throw new Error(`the guest did not move: ${said}`);
  await report({ targetNodeDomainDetected: true });
  await report({ targetNodeDomainReadyTimestamp: now() });
  // In one write, by the target's virt-handler.
  await report({ endTimestamp: now() }, pod.spec.nodeName);
}
