/**
 * A binding's image within what KubeVirt gives a guaranteed VM's sidecar: a fifth of a processor and 64,000,000 bytes, from a
 * cold page cache. On the nested machine, because this one's control groups are its own: its processor is a program, whose
 * times are those of a node many times over. The first row says how many.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BuiltImages, type UnpackedImage } from "../support/kube/built-images.ts";
import type { LifeOfCalls } from "../support/nested/live-image.ts";
import { NestedMachine } from "../support/nested/nested-machine.ts";
import { type Comparison, timed } from "./report.ts";

/** What KubeVirt lets a sidecar use, in thousandths of a processor. */
const MILLIS = 200;
const ROUNDS = 2;
const LIFE_DEADLINE = 20 * 60_000;

async function liveOnce(machine: NestedMachine, { process: start }: UnpackedImage, millis = ""): Promise<LifeOfCalls> {
  const command = `live-image /tmp/layer/root '${JSON.stringify(start)}' ${millis}`;
  const life = JSON.parse(await machine.sh(command, LIFE_DEADLINE)) as LifeOfCalls;
  if (life.outOfMemory > 0) throw new Error(`a sidecar lacked memory: ${JSON.stringify(life)}`);
  return life;
}

/** A runtime of the image's that starts and ends, on this machine. */
const bareRuntime = ({ rootfs }: UnpackedImage): Promise<unknown> =>
  new Promise((resolve) =>
    spawn("chroot", [rootfs, "/usr/bin/node", "-e", "0"], { stdio: "ignore" }).once("exit", resolve),
  );

/** The lives of an image's sidecars, within the limits and with the whole processor by turns. */
async function lives(image: UnpackedImage): Promise<readonly (readonly [limited: LifeOfCalls, free: LifeOfCalls])[]> {
  await using machine = await NestedMachine.start();
  await machine.reveal([image.rootfs]);
  await machine.sh(`mkdir -p /tmp/layer/upper /tmp/layer/work /tmp/layer/root
    mount -t overlay -o lowerdir=${image.rootfs},upperdir=/tmp/layer/upper,workdir=/tmp/layer/work overlay /tmp/layer/root`);
  const pairs: [LifeOfCalls, LifeOfCalls][] = [];
  for (let round = 0; round < ROUNDS; round++)
    pairs.push([await liveOnce(machine, image, String(MILLIS)), await liveOnce(machine, image)]);
  return pairs;
}

export async function benchLimits(): Promise<readonly Comparison[]> {
  const directory = mkdtempSync(join(tmpdir(), "netbind-bench-limits-"));
  try {
    using images = await BuiltImages.build(["passt"], join(directory, "images"));
    const image = await images.unpack("passt", "amd64");
    const pairs = await lives(image);
    const here: number[] = [];
    for (let at = 0; at < 5; at++) here.push(await timed(() => bareRuntime(image)));
    const all = (timesOf: (life: LifeOfCalls) => readonly number[], which: 0 | 1): readonly number[] =>
      pairs.flatMap((pair) => timesOf(pair[which]));
    const row = (what: string, timesOf: (life: LifeOfCalls) => readonly number[], most?: number): Comparison => ({
      what: `emulated, ${MILLIS}m and 64 MB: ${what}`,
      unit: "ms",
      ours: all(timesOf, 0),
      theirs: all(timesOf, 1),
      against: "with the whole processor",
      ...(most === undefined ? {} : { most }),
    });
    const slowness: Comparison = {
      what: "emulated: a runtime that starts and ends, without limits",
      unit: "ms",
      ours: all(({ bare }) => [bare], 0),
      theirs: here,
      against: "on this machine",
    };
    return [
      slowness,
      row("from the container's start to attached, cold", ({ attached }) => [attached]),
      row("Info", ({ info }) => [info], 200),
      row("a domain of 64 KB at boot", ({ defines }) => defines, 12_000),
      row("a domain that starts the runtime, cold", ({ hotplug }) => [hotplug], 12_000),
      row("the next domain", ({ migration }) => [migration], 12_000),
      { ...row("pages of its files that were read again", ({ readAgain }) => [readAgain]), unit: "pages" },
      row("from Shutdown to the container's end", ({ shutdown }) => [shutdown], 1000),
      row("from SIGTERM to the container's end", ({ sigterm }) => [sigterm], 1000),
    ];
  } finally {
    rmSync(directory, { recursive: true });
  }
}
