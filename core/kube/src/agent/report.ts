import { terminalLine } from "@netbind/engine";

/** What an agent says of a pod. With the controller, an event on the pod's VMI. */
export interface PodReport {
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly type: "Normal" | "Warning";
  /** A stable word, in capitals. */
  readonly reason: string;
  readonly message: string;
  /** The next action; absent where none is needed. */
  readonly hint?: string;
}

/** Told of everything that an administrator wants to know. */
export type Report = (report: PodReport) => void;

/** The most characters of a message; an event of Kubernetes has at most 1024 bytes of it. */
const LONGEST_MESSAGE = 900;

/** How long the same is not said again of a pod, in milliseconds. */
const QUIET = 300_000;

/** Says of each pod what is new, and the same only from time to time. */
export class Reporter {
  readonly #say: Report;
  readonly #said = new Map<string, { readonly text: string; readonly at: number }>();

  constructor(say: Report) {
    this.#say = say;
  }

  /** What a report quotes may come from the pod, a plugin or a VM: it is made printable here, and as long as an event may be. */
  tell({ message, hint, ...said }: PodReport): void {
    const report = {
      ...said,
      message: terminalLine(message, LONGEST_MESSAGE),
      ...(hint === undefined ? {} : { hint: terminalLine(hint, LONGEST_MESSAGE) }),
    };
    const text = `${report.reason} ${report.message}`;
    const before = this.#said.get(report.pod.uid);
    const now = performance.now();
    if (before?.text === text && now - before.at < QUIET) return;
    this.#said.set(report.pod.uid, { text, at: now });
    this.#say(report);
  }

  /** A pod that is gone is forgotten. */
  forget(uid: string): void {
    this.#said.delete(uid);
  }
}
