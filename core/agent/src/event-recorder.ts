import { defined } from "@netbind/contract";
import { terminalLine } from "@netbind/engine/terminal";
import type { EventReason, EventTexts } from "./event-reasons.ts";

/** What an agent says of a pod: an event on the pod's VMI. */
export interface PodEvent {
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  /** Absent where it is not certain that the pod is this VMI's. */
  readonly vmi?: { readonly name: string; readonly uid: string };
  readonly type: EventTexts["type"];
  readonly reason: EventReason;
  readonly message: string;
  /** The next action; absent where none is needed. */
  readonly hint?: string;
}

/** Receives every event that an administrator wants to know. */
export type Report = (report: PodEvent) => void;

/** The most characters of a message; an event of Kubernetes has at most 1024 bytes of it. */
const LONGEST_MESSAGE = 900;

/** How long the same is not said again of a pod, in milliseconds, and how many different things are said in that time. */
const QUIET = 300_000;
const MOST_REPORTS = 10;

/** Says of each pod what is new, and the same only from time to time. */
export class EventRecorder {
  readonly #say: Report;
  /** When each text was said, by the UID of the pod. */
  readonly #said = new Map<string, ReadonlyMap<string, number>>();

  constructor(say: Report) {
    this.#say = say;
  }

  /** True where it was said. What a report quotes may come from the pod, a plugin or a VM: it is made printable here, and as long as an event may be. */
  record({ message, hint, ...said }: PodEvent): boolean {
    const report = {
      ...said,
      message: terminalLine(message, LONGEST_MESSAGE),
      ...defined({ hint: hint === undefined ? undefined : terminalLine(hint, LONGEST_MESSAGE) }),
    };
    const text = `${report.reason} ${report.message}`;
    const now = performance.now();
    const recent = [...(this.#said.get(report.pod.uid) ?? [])].filter(([, at]) => now - at < QUIET);
    // A plugin may say something else each time that it fails.
    if (recent.length >= MOST_REPORTS || recent.some(([said]) => said === text)) return false;
    this.#said.set(report.pod.uid, new Map([...recent, [text, now]]));
    this.#say(report);
    return true;
  }

  /** A pod that is gone is forgotten. */
  forget(uid: string): void {
    this.#said.delete(uid);
  }
}
