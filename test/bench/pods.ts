/** A pod of one NIC of each binding, made and removed, beside nobody and beside many; and what of it is not Netbind's. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { exec } from "@netbind/netns";
import { BenchNode, type BindingName, NAMES, type Step, type Times } from "./bench-node.ts";
import { type Comparison, timed } from "./report.ts";

const MANY = 100;
type Measured<T> = Record<BindingName, T[]>;
const nothing = <T>(): Measured<T> => ({ masquerade: [], bridge: [], slirp: [], passt: [], macvtap: [], tap: [] });

/** What was measured in one situation of the node. */
interface Measurements {
  readonly ours: Measured<Record<keyof Times, Step>>;
  /** Children that do nothing. */
  readonly idle: number[];
}
const none = (): Measurements => ({ ours: nothing(), idle: [] });

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
async function measure(
  node: BenchNode,
  runs: number,
  { ours, idle }: Measurements,
  hand?: Measured<Times>,
): Promise<void> {
  for (let at = 0; at < runs; at++) {
    for (const binding of NAMES) {
      idle.push(await paused(speedOfMachine));
      const up = await paused(() => node.up("measured", binding));
      ours[binding].push({ up, down: await paused(() => node.down("measured")) });
      hand?.[binding].push(await paused(() => node.byHand(binding)));
    }
  }
}

const HAND = "its namespace and its network's link, by hand";
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
const ROUNDS = 6;
/** What the kernel still does, when a hundred pods came or went, is not the next one's. */
const SETTLE = 3000;

/**
 * Alone, beside all others, alone again, and all of it six times: a machine that gets slower meanwhile counts for neither.
 * The node is never without a pod, or it would be made again each time.
 */
export async function benchPods(runs = 30): Promise<readonly Comparison[]> {
  await using node = await BenchNode.make();
  const [alone, beside, hand] = [none(), none(), nothing<Times>()];
  using others = new Others(node);
  const each = Math.ceil(runs / ROUNDS);
  await node.up("first", "slirp");
  // What a program does the first time counts for neither.
  await measure(node, 1, none(), nothing());
  for (let round = 0; round < ROUNDS; round++) {
    await measure(node, Math.ceil(each / 2), alone, hand);
    await others.come();
    await measure(node, each, beside);
    await others.go();
    await measure(node, Math.floor(each / 2), alone, hand);
  }
  const rows = NAMES.flatMap((binding) =>
    (["up", "down"] as const).flatMap((part) => comparisons(binding, part, { alone, beside, hand })),
  );
  const what = `${IDLE_CHILDREN} children that do nothing, beside ${MANY} others`;
  return [{ what, unit: "ms", against: "beside one", quartile: true, ours: beside.idle, theirs: alone.idle }, ...rows];
}

/**
 * What a pod costs against what it costs by hand, and what it costs more beside others: as a whole, what of it the network does
 * (its plugin looks through a file for each address of the node, whatever runs it), and what is Netbind's. Where that plugin finds
 * its links not up yet it waits for 50 ms, which it does in a third of all runs: lower quartiles are compared.
 */
function comparisons(
  binding: BindingName,
  part: keyof Times,
  {
    alone,
    beside,
    hand,
  }: { readonly alone: Measurements; readonly beside: Measurements; readonly hand: Measured<Times> },
): readonly Comparison[] {
  const rows = ({ ours }: Measurements, value: (step: Step) => number): readonly number[] =>
    ours[binding].map((one) => value(one[part]));
  const grown = (what: string, value: (step: Step) => number) => ({
    ...({ unit: "ms", against: "beside one", quartile: true, what: `${what}, beside ${MANY} others` } as const),
    ...{ ours: rows(beside, value), theirs: rows(alone, value) },
  });
  const goal = { ratio: 1.1, better: "smaller" } as const;
  const what = `a pod with one ${binding} NIC, ${WORDS[part]}`;
  const whole = ({ whole }: Step): number => whole;
  const byHand = hand[binding].map((one) => one[part]);
  return [
    { what, unit: "ms", against: HAND, quartile: true, ours: rows(alone, whole), theirs: byHand },
    { ...grown("the same", whole), goal },
    grown("of that, its network's link alone", ({ network }) => network),
    { ...grown("of that, what is Netbind's", ({ whole, network }) => whole - network), goal },
  ];
}
