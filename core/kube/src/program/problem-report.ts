/** Says what is wrong once for as long as it is, and with undefined when it is over. */
export class ProblemReport {
  readonly #say: ((problem: string | undefined) => void) | undefined;
  #current: string | undefined;

  /** `say`: absent where nobody listens. */
  constructor(say?: (problem: string | undefined) => void) {
    this.#say = say;
  }

  /** What is wrong now. */
  get current(): string | undefined {
    return this.#current;
  }

  /** Undefined: nothing is wrong any more. */
  set(problem: string | undefined): void {
    if (problem === this.#current) return;
    this.#current = problem;
    this.#say?.(problem);
  }
}
