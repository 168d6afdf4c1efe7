/** A pod of one NIC of each binding, made and removed, beside nobody and beside many; and what of it is not Netbind's. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { exec } from "@netbind/netns";
import { BenchNode, type BindingName, NAMES, type Times } from "./bench-node.ts";
import { type Comparison, LOWER_QUARTILE, percentile, timed } from "./report.ts";

const MANY = 100;
type Measured = Record<BindingName, Times[]>;
const nothing = (): Measured => ({ masquerade: [], bridge: [], slirp: [], passt: [], macvtap: [], tap: [] });

/** Both ways of making a pod, in one situation of the node. */
interface Measurements {
  readonly ours: Measured;
  readonly hand: Measured;
  /** Children that do nothing. */
  readonly idle: number[];
}
const none = (): Measurements => ({ ours: nothing(), hand: nothing(), idle: [] });

/** Milliseconds before each step, so that what the kernel still does for the step before counts for none. */
const PAUSE = 150;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** A step is made by a process that has collected its garbage: what it starts a child with is the same each time. */
async function paused<T>(step: () => Promise<T>): Promise<T> {
  collect();
  await setTimeout(PAUSE);
  return step();
}

/** Children that do nothing: what a machine takes for them is how fast it is just then. */
const IDLE_CHILDREN = 5;
const speedOfMachine = (): Promise<number> =>
  timed(async () => {
    for (let at = 0; at < IDLE_CHILDREN; at++) await exec(["true"]);
  });

/** One pod of each binding after the other, each beside those that are there. */
async function measure(node: BenchNode, { ours, hand, idle }: Measurements, runs: number): Promise<void> {
  for (let at = 0; at < runs; at++) {
    for (const binding of NAMES) {
      idle.push(await paused(speedOfMachine));
      const up = await paused(() => node.up("measured", binding));
      ours[binding].push({ up, down: await paused(() => node.down("measured")) });
      hand[binding].push(await paused(() => node.byHand(binding)));
    }
  }
}

const HAND = "its namespace and its network's link alone, by hand";
const WORDS = { up: "made and attached", down: "removed" } as const;

/**
 * The others are a process' of their own, as each VM is its own command's: a process that has made a hundred pods has a larger
 * memory, and the kernel copies its table of pages for each child that it starts.
 */
class Others implements Disposable {
  readonly #process: ChildProcess;

  constructor(node: BenchNode) {
    this.#process = fork(new URL("other-pods.ts", import.meta.url), [node.state.root, String(MANY - 1)]);
  }

  async #ask(what: "up" | "down"): Promise<void> {
    const answer = Promise.race([once(this.#process, "message"), once(this.#process, "exit")]);
    this.#process.send(what);
    const [said] = await answer;
    if (said !== what) throw new Error(`the other pods are not ${what}: their process ended with ${said}`);
    await setTimeout(SETTLE);
  }

  come(): Promise<void> {
    return this.#ask("up");
  }

  go(): Promise<void> {
    return this.#ask("down");
  }

  [Symbol.dispose](): void {
    this.#process.disconnect();
  }
}

/** How often the others come and go. */
const ROUNDS = 3;
/** What the kernel still does, when a hundred pods came or went, is not the next one's. */
const SETTLE = 3000;

/**
 * Alone, beside all others, alone again, and all of it three times: a machine that gets slower meanwhile counts for neither.
 * The node is never without a pod, or it would be made again each time.
 */
export async function benchPods(runs = 24): Promise<readonly Comparison[]> {
  await using node = await BenchNode.make();
  const [alone, beside] = [none(), none()];
  using others = new Others(node);
  const each = Math.ceil(runs / ROUNDS);
  await node.up("first", "slirp");
  // What a program does the first time counts for neither.
  await measure(node, none(), 1);
  for (let round = 0; round < ROUNDS; round++) {
    await measure(node, alone, Math.ceil(each / 2));
    await others.come();
    await measure(node, beside, each);
    await others.go();
    await measure(node, alone, Math.floor(each / 2));
  }
  const rows = NAMES.flatMap((binding) =>
    (["up", "down"] as const).flatMap((part) => comparisons(binding, part, alone, beside)),
  );
  const what = `${IDLE_CHILDREN} children that do nothing, beside ${MANY} others`;
  return [{ what, unit: "ms", against: "beside one", quartile: true, ours: beside.idle, theirs: alone.idle }, ...rows];
}

/**
 * What a pod costs against what it costs by hand, what each of them costs more beside others, and what of that is Netbind's:
 * the network's plugin looks through a file for each address of the node, whatever runs it. Where it finds its links not up
 * yet it waits for 50 ms, which it does in a third of all runs: lower quartiles are compared.
 */
function comparisons(
  binding: BindingName,
  part: keyof Times,
  alone: Measurements,
  beside: Measurements,
): readonly Comparison[] {
  const rows = (measured: Measured): readonly number[] => measured[binding].map((one) => one[part]);
  const own = ({ ours, hand }: Measurements): readonly number[] => {
    const byHand = percentile(rows(hand), LOWER_QUARTILE);
    return rows(ours).map((one) => one - byHand);
  };
  const row = { unit: "ms", against: "beside one", quartile: true } as const;
  const goal = { ratio: 1.1, better: "smaller" } as const;
  return [
    {
      ...{ ...row, what: `a pod with one ${binding} NIC, ${WORDS[part]}` },
      ...{ ours: rows(alone.ours), theirs: rows(alone.hand), against: HAND },
    },
    { ...row, what: `the same beside ${MANY} others`, ours: rows(beside.ours), theirs: rows(alone.ours), goal },
    { ...row, what: `${HAND}, beside ${MANY} others`, ours: rows(beside.hand), theirs: rows(alone.hand) },
    { ...row, what: `the pod without that, beside ${MANY} others`, ours: own(beside), theirs: own(alone), goal },
  ];
}
