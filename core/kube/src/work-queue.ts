/** When something is tried again, in milliseconds: soon where it is only on its way, later and later where it failed. */
const BACKOFF = { soon: 300, first: 500, most: 15_000 } as const;

/** What came of a try. */
export type Tried = "done" | "requeue" | "failed";

interface Task {
  running?: Promise<void>;
  failures: number;
  dueAt: number;
}

/** One piece of work for each key, tried again until it is done; no key waits for another. */
export class WorkQueue {
  readonly #tasks = new Map<string, Task>();
  readonly #repeat: number;

  /** `repeat`: milliseconds after which what is done is done again. */
  constructor(repeat: number) {
    this.#repeat = repeat;
  }

  /** Starts a try where none runs and one is due. `work` never rejects. */
  start(key: string, work: () => Promise<Tried>): void {
    const task = this.#tasks.get(key) ?? { failures: 0, dueAt: 0 };
    this.#tasks.set(key, task);
    if (task.running !== undefined || performance.now() < task.dueAt) return;
    task.running = work().then((tried) => {
      task.failures = tried === "failed" ? task.failures + 1 : 0;
      task.dueAt = performance.now() + this.#pause(tried, task.failures);
      delete task.running;
    });
  }

  #pause(tried: Tried, failures: number): number {
    if (tried === "done") return this.#repeat;
    return tried === "requeue" ? BACKOFF.soon : Math.min(BACKOFF.first * 2 ** (failures - 1), BACKOFF.most);
  }

  /** Makes what waits due now. */
  hasten(key: string): void {
    const task = this.#tasks.get(key);
    if (task !== undefined) task.dueAt = 0;
  }

  /** Forgets the keys that are not wanted any more and of which nothing runs. */
  retain(keys: ReadonlySet<string>): void {
    for (const [key, { running }] of this.#tasks) if (!keys.has(key) && running === undefined) this.#tasks.delete(key);
  }

  isRunning(key: string): boolean {
    return this.#tasks.get(key)?.running !== undefined;
  }

  /** Waits until no try runs. */
  async idle(): Promise<void> {
    while ([...this.#tasks.values()].some(({ running }) => running !== undefined))
      await Promise.all([...this.#tasks.values()].map(({ running }) => running));
  }
}
