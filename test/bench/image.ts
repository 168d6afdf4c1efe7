/** A binding's image: what its sidecar costs while nobody calls it, and how fast it is there when somebody does. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { anAttachment } from "@netbind/contract/testing";
import { waitUntil } from "@netbind/netns";
import passt from "@netbind/plugin-passt";
import { connectHooks } from "@netbind/remote/sidecar";
import { BuiltImages, type UnpackedImage } from "../support/kube/built-images.ts";
import { ImageContainer } from "../support/kube/image-container.ts";
import { type Comparison, timed } from "./report.ts";

const SIDE_BY_SIDE = 20;
const WAKES = 10;
/** How long the last runtime may take to end, beside the minute that it stays. */
const IDLE_DEADLINE = 120_000;
/** This machine may be slow. */
const TIMEOUT_SCALE = 20;
const DOMAIN = Buffer.from("<domain><devices></devices></domain>");
const VMI = Buffer.from("{}");

const started = async (image: UnpackedImage): Promise<ImageContainer> => {
  const sidecar = await ImageContainer.start(image, { binding: "passt" });
  const attachment = anAttachment();
  await sidecar.attach([{ attachment, plan: passt.plan(attachment) }]);
  return sidecar;
};
const info = async (sidecar: ImageContainer): Promise<void> => {
  const hooks = connectHooks(sidecar.hookSocket("passt"), TIMEOUT_SCALE);
  await hooks.info();
  hooks.close();
};
const define = async (sidecar: ImageContainer): Promise<void> => {
  const hooks = connectHooks(sidecar.hookSocket("passt"), TIMEOUT_SCALE);
  await hooks.onDefineDomain("v1alpha3", DOMAIN, VMI);
  hooks.close();
};
const isIdle = async (sidecar: ImageContainer): Promise<boolean> => (await sidecar.runtimes()).length === 0;

async function crash(sidecar: ImageContainer): Promise<void> {
  for (const pid of await sidecar.runtimes()) process.kill(pid, "SIGKILL");
  await waitUntil(() => isIdle(sidecar), 10_000);
}

/** A process's share of the memory that it has, in MB. */
const pssOf = (pid: number): number =>
  Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]) / 1024;

/** The same image with a runtime that stays, as an image without inetd has it. */
const resident = (image: UnpackedImage): UnpackedImage => ({
  ...image,
  process: { ...image.process, args: [...image.process.args.slice(0, -1), "sidecar"] },
});

/** All memory of many sidecars, each with its first process and what that has started. */
async function memoryOf(
  image: UnpackedImage,
  settled: (sidecar: ImageContainer) => Promise<boolean>,
): Promise<readonly number[]> {
  await using stack = new AsyncDisposableStack();
  const sidecars: ImageContainer[] = [];
  for (let at = 0; at < SIDE_BY_SIDE; at++) sidecars.push(stack.use(await started(image)));
  for (const sidecar of sidecars) await define(sidecar);
  for (const sidecar of sidecars) await waitUntil(() => settled(sidecar), IDLE_DEADLINE, 500);
  // Awaited here: they are gone when this returns.
  return await Promise.all(
    sidecars.map(async (sidecar) => (await sidecar.processes()).map(pssOf).reduce((sum, one) => sum + one, 0)),
  );
}

/** A runtime of the image's that starts and ends. */
const bareRuntime = ({ rootfs }: UnpackedImage): Promise<unknown> =>
  new Promise((resolve) =>
    spawn("chroot", [rootfs, "/usr/bin/node", "-e", "0"], { stdio: "ignore" }).once("exit", resolve),
  );

async function benchCalls(image: UnpackedImage): Promise<readonly Comparison[]> {
  await using sidecar = await started(image);
  const times = { warm: [] as number[], coldInfo: [] as number[], coldDefine: [] as number[], bare: [] as number[] };
  for (let at = 0; at < WAKES; at++) {
    await crash(sidecar);
    times.coldInfo.push(await timed(() => info(sidecar)));
    times.warm.push(await timed(() => info(sidecar)));
    await crash(sidecar);
    times.coldDefine.push(await timed(() => define(sidecar)));
    times.bare.push(await timed(() => bareRuntime(image)));
  }
  const against = "a runtime that starts and ends";
  const row = { unit: "ms", theirs: times.bare, against } as const;
  return [
    { ...row, what: "image: Info while the runtime is there, a new connection", ours: times.warm, most: 200 },
    // virt-launcher gives the connection two seconds, and Info one from then on.
    { ...row, what: "image: Info that starts the runtime", ours: times.coldInfo, most: 400 },
    { ...row, what: "image: OnDefineDomain that starts the runtime", ours: times.coldDefine, most: 12_000 },
  ];
}

/** How long a sidecar takes to end, of Shutdown and of SIGTERM. */
async function benchEnds(image: UnpackedImage): Promise<readonly Comparison[]> {
  const ends = async (end: (sidecar: ImageContainer) => unknown): Promise<number> => {
    await using sidecar = await started(image);
    return await timed(async () => {
      await end(sidecar);
      await sidecar.ended();
    });
  };
  const shutdown = async (sidecar: ImageContainer): Promise<void> => {
    const hooks = connectHooks(sidecar.hookSocket("passt"), TIMEOUT_SCALE);
    await hooks.shutdown("v1alpha3");
    hooks.close();
  };
  const terminate = async (sidecar: ImageContainer): Promise<unknown> => process.kill(await sidecar.pid(), "SIGTERM");
  const [shutdowns, terms, kills]: [number[], number[], number[]] = [[], [], []];
  for (let at = 0; at < WAKES; at++) {
    shutdowns.push(await ends(shutdown));
    terms.push(await ends(terminate));
    kills.push(await ends(async (sidecar) => process.kill(await sidecar.pid(), "SIGKILL")));
  }
  const row = { unit: "ms", theirs: kills, against: "SIGKILL", most: 1000 } as const;
  return [
    { ...row, what: "image: from Shutdown to the container's end", ours: shutdowns },
    { ...row, what: "image: from SIGTERM to the container's end", ours: terms },
  ];
}

export async function benchImage(): Promise<readonly Comparison[]> {
  const directory = mkdtempSync(join(tmpdir(), "netbind-bench-image-"));
  try {
    using images = await BuiltImages.build(["passt"], join(directory, "images"));
    const image = await images.unpack("passt", "amd64");
    const memory: Comparison = {
      what: `image: all of an idle sidecar's PSS, ${SIDE_BY_SIDE} side by side`,
      unit: "MB",
      ours: await memoryOf(image, isIdle),
      theirs: await memoryOf(resident(image), () => Promise.resolve(true)),
      against: "the same image with a runtime that stays",
      most: 1,
    };
    return [memory, ...(await benchCalls(image)), ...(await benchEnds(image))];
  } finally {
    rmSync(directory, { recursive: true });
  }
}
