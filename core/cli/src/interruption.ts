import { constants } from "node:os";
import { InterruptedError } from "./errors.ts";
import { printMessage } from "./output.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
type EndSignal = (typeof SIGNALS)[number];

/** What a shell says of a command that a signal ended: 130 for Ctrl-C, 143 for SIGTERM. */
const codeOf = (signal: EndSignal): number => 128 + constants.signals[signal];

/** The first signal that ends a command, for one that finishes or takes back what it has begun before it does. */
export class Interruption {
  readonly #abort = new AbortController();
  #signal: EndSignal | undefined;

  /** `says`: what is printed when it comes. */
  constructor(says: string) {
    for (const name of SIGNALS)
      process.on(name, () => {
        if (this.#signal !== undefined) return;
        this.#signal = name;
        printMessage(says);
        this.#abort.abort();
      });
  }

  /** Aborted by the signal. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Undefined where no signal came. */
  get exitCode(): number | undefined {
    return this.#signal === undefined ? undefined : codeOf(this.#signal);
  }

  /** An error of the work: after a signal it is what came of the signal, whatever it says. */
  explain(error: unknown): unknown {
    const { exitCode } = this;
    if (exitCode === undefined || this.#signal === undefined) return error;
    const aborted = error instanceof Error && error.name === "AbortError";
    const message = error instanceof Error && !aborted ? error.message : `stopped by ${this.#signal}`;
    return new InterruptedError(message, exitCode, { cause: error });
  }
}

/**
 * Ends this process at a signal with the signal's exit code, once all who look after something of their own have heard of it:
 * a process that is the first one of a container would not end by the signal alone.
 */
export function exitOnSignal(): Disposable {
  const leave = (name: EndSignal): void => void setImmediate(() => process.exit(codeOf(name)));
  for (const name of SIGNALS) process.on(name, leave);
  return {
    [Symbol.dispose]: () => {
      for (const name of SIGNALS) process.off(name, leave);
    },
  };
}
