/**
 * A binding's image within what KubeVirt gives a guaranteed VM's sidecar: a fifth of a processor and 64,000,000 bytes, from a
 * cold page cache. On the nested machine, because this one's control groups are its own. Its processor is a program and many
 * times as slow as this machine's, more than five times: the image has one of them whole, which is less than a fifth of this
 * machine's, and the times are those that a fifth would take.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defined } from "@netbind/contract";
import { BuiltImages, type UnpackedImage } from "../support/kube/built-images.ts";
import { IMAGE_ROOT, startWithImage } from "../support/nested/image-machine.ts";
import type { LifeOfCalls } from "../support/nested/live-image.ts";
import { type Comparison, median, timed } from "./report.ts";

/** What KubeVirt lets a sidecar use, and what it has of an emulated processor. */
const PART = 1 / 5;
const EMULATED_MILLIS = 1000;
const ROUNDS = 2;
const LIFE_DEADLINE = 20 * 60_000;
/** A fifth of the time that virt-launcher gives a call. */
const WAKING = 12_000;
const BARE_RUNS = 7;

/** A runtime of the image's that starts and ends, on this machine. */
const bareRuntime = ({ rootfs }: UnpackedImage): Promise<unknown> =>
  new Promise((resolve) =>
    spawn("chroot", [rootfs, "/usr/bin/node", "-e", "0"], { stdio: "ignore" }).once("exit", resolve),
  );

/** The lives of an image's sidecars. @throws Error where one lacked memory */
async function lives(image: UnpackedImage, directory: string): Promise<readonly LifeOfCalls[]> {
  await using machine = await startWithImage(image, directory);
  const lived: LifeOfCalls[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const command = `live-image ${IMAGE_ROOT} '${JSON.stringify(image.process)}' ${EMULATED_MILLIS}`;
    const life = JSON.parse(await machine.sh(command, LIFE_DEADLINE)) as LifeOfCalls;
    if (life.outOfMemory > 0) throw new Error(`a sidecar lacked memory: ${JSON.stringify(life)}`);
    lived.push(life);
  }
  return lived;
}

/** How many times as long as a fifth of this machine's processor an emulated one takes. @throws Error where it is faster */
function slownessOf(emulated: readonly number[], here: readonly number[]): number {
  const slowness = (median(emulated) / median(here)) * PART;
  if (slowness < 1)
    throw new Error(`an emulated processor does a fifth of what this one does, or more: ${slowness.toFixed(2)}`);
  return slowness;
}

export async function benchLimits(): Promise<readonly Comparison[]> {
  const directory = mkdtempSync(join(tmpdir(), "netbind-bench-limits-"));
  try {
    using images = await BuiltImages.build(["passt"], join(directory, "images"));
    const image = await images.unpack("passt", "amd64");
    const lived = await lives(image, directory);
    const here: number[] = [];
    for (let at = 0; at < BARE_RUNS; at++) here.push(await timed(() => bareRuntime(image)));
    const bare = lived.map((life) => life.bare);
    const slowness = slownessOf(bare, here);
    const row = (what: string, timesOf: (life: LifeOfCalls) => readonly number[], most?: number): Comparison => {
      const emulated = lived.flatMap(timesOf);
      const ours = emulated.map((time) => time / slowness);
      const against = "as the emulated processor took it";
      return {
        what: `within 200m and 64 MB: ${what}`,
        unit: "ms",
        ours,
        theirs: emulated,
        against,
        ...defined({ most }),
      };
    };
    return [
      {
        what: "emulated: a runtime that starts and ends, without limits",
        unit: "ms",
        ours: bare,
        theirs: here,
        against: "on this machine",
      },
      row("from the container's start to attached, cold", ({ attached }) => [attached]),
      row("Info", ({ info }) => [info], 200),
      row("a domain of 64 KB at boot", ({ defines }) => defines, WAKING),
      row("a domain that starts the runtime, cold", ({ hotplug }) => [hotplug], WAKING),
      row("the next domain", ({ migration }) => [migration], WAKING),
      row("from Shutdown to the container's end", ({ shutdown }) => [shutdown], 1000),
      row("from SIGTERM to the container's end", ({ sigterm }) => [sigterm], 1000),
    ];
  } finally {
    rmSync(directory, { recursive: true });
  }
}
