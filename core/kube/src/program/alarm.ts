/** Milliseconds in which what rings more than once counts as once: an object seldom changes alone. */
const GATHER = 25;

/** Something to wait for that may ring at any time, also while nobody waits. */
export class Alarm {
  #isRung = false;
  #wake = (): void => undefined;

  ring(): void {
    this.#isRung = true;
    this.#wake();
  }

  /** Waits until it rings, so many milliseconds at most, or until it is stopped. */
  async wait(most: number, signal: AbortSignal): Promise<void> {
    if (!this.#isRung) await this.#sleep(most, signal, true);
    if (this.#isRung) await this.#sleep(GATHER, signal, false);
    this.#isRung = false;
  }

  #sleep(milliseconds: number, signal: AbortSignal, wakes: boolean): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        this.#wake = () => undefined;
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      if (wakes) this.#wake = done;
      signal.addEventListener("abort", done);
      if (signal.aborted) done();
    });
  }
}
