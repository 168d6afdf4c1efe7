/**
 * A VM's life of calls of a binding's image within a sidecar's limits, from a cold page cache: Info and three domains, more than
 * a minute without a call, a domain for a hotplugged NIC, one for a migration, Shutdown. Then once more until SIGTERM.
 *
 * Usage: live-image ROOTFS PROCESS [MILLIS]; PROCESS: how the image starts, as JSON; MILLIS: thousandths of a processor that it
 * may use. Prints a {@link LifeOfCalls}.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { waitUntil } from "@netbind/netns";
import type { ImageContainer } from "../kube/image-container.ts";
import { defineLarge, dropCaches, groupField, startLimited, timeCall } from "./limited-image.ts";

/** Milliseconds, and how often the kernel ended something for want of memory. */
export interface LifeOfCalls {
  readonly attached: number;
  readonly info: number;
  /** At boot. */
  readonly defines: readonly number[];
  /** The one that starts the runtime, its files read again. */
  readonly hotplug: number;
  readonly migration: number;
  readonly shutdown: number;
  readonly sigterm: number;
  /** A runtime that starts and ends, with nothing to do and no limits. */
  readonly bare: number;
  readonly outOfMemory: number;
  /** Pages of its files that were read again for want of memory, until Shutdown. */
  readonly readAgain: number;
}

/** The runtime ends a minute after the last call. */
const IDLE_DEADLINE = 180_000;

const [rootfs = "", start = "", millis] = process.argv.slice(2);
const limit = millis === undefined ? undefined : Number(millis);

async function timed(action: () => unknown): Promise<number> {
  const began = performance.now();
  await action();
  return performance.now() - began;
}

/** A step's time in the log: a life takes minutes. */
function note(step: string, milliseconds: number): number {
  console.error(
    `${step}: ${milliseconds.toFixed(0)} ms, ${groupField("memory.stat", "workingset_refault_file")} pages read again`,
  );
  return milliseconds;
}

async function define(sidecar: ImageContainer): Promise<number> {
  const [milliseconds, domain] = await timeCall(sidecar, defineLarge);
  assert.match(domain, /<interface type='vhostuser'>/);
  return note("a domain", milliseconds);
}

async function lifeUntilShutdown(): Promise<Omit<LifeOfCalls, "sigterm" | "bare">> {
  const began = performance.now();
  await using sidecar = await startLimited(rootfs, start, limit);
  const attached = note("attached", performance.now() - began);
  const [info] = await timeCall(sidecar, (hooks) => hooks.info());
  const defines = [await define(sidecar), await define(sidecar), await define(sidecar)];
  const isIdle = async (): Promise<boolean> => (await sidecar.runtimes()).length === 0;
  assert.ok(await waitUntil(isIdle, IDLE_DEADLINE, 500), "the runtime did not end");
  dropCaches();
  const hotplug = await define(sidecar);
  const migration = await define(sidecar);
  const outOfMemory = groupField("memory.events", "oom_kill");
  const readAgain = groupField("memory.stat", "workingset_refault_file");
  const shutdown = await timed(async () => {
    // It ends within a second, whatever its processor does: the answer may not be out by then on one that is a program.
    await timeCall(sidecar, (hooks) => hooks.shutdown("v1alpha3").catch(() => undefined));
    await sidecar.ended();
  });
  return { attached, info, defines, hotplug, migration, shutdown, outOfMemory, readAgain };
}

async function untilSigterm(): Promise<number> {
  await using sidecar = await startLimited(rootfs, start, limit);
  await timeCall(sidecar, (hooks) => hooks.info());
  const first = await sidecar.pid();
  return await timed(() => {
    process.kill(first, "SIGTERM");
    return sidecar.ended();
  });
}

const life = await lifeUntilShutdown();
const sigterm = await untilSigterm();
const bare = await timed(() => execFileSync("chroot", [rootfs, "/usr/bin/node", "-e", "0"]));
process.stdout.write(JSON.stringify({ ...life, sigterm, bare } satisfies LifeOfCalls));
