/** The node agent as a process on a lab's node: how it is started and ended, what it reports, what it keeps of pods. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { waitUntil } from "@netbind/netns";
import { AGENT_START } from "../../../sidecars/images/recipes.ts";
import { AGENT, WITH_COMPILED } from "../build/programs.ts";
import type { LabPod } from "./lab-pod.ts";
import { NODE } from "./node-objects.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** What an agent reported of a pod. */
export interface AgentReport {
  readonly reason: string;
  readonly message: string;
}

interface LogLine extends Partial<AgentReport> {
  readonly pod?: { readonly uid: string };
}

interface Place {
  /** The command that enters the node's mounts. */
  readonly enter: readonly string[];
  /** The directory of objects that it reads. */
  readonly objects: string;
  /** Where it keeps its records. */
  readonly state: string;
}

export class AgentProcess {
  readonly state: string;
  readonly #place: Place;
  #process: ChildProcess | undefined;
  /** What the agents of this lab wrote, a record a line. */
  log = "";

  constructor(place: Place) {
    this.#place = place;
    this.state = place.state;
    mkdirSync(place.state);
  }

  /** Starts one as its image does: bundled, and with a small heap. */
  startBundled(enter: readonly string[] = []): ChildProcess {
    const program = [...AGENT_START.options, join(ROOT, "core/agent/dist/netbind-agent.mjs")];
    return this.#start([...enter, ...this.#place.enter, process.execPath, ...program], [], AGENT_START.environment);
  }

  /** Starts one with the heap that the runtime gives it. */
  start(options: readonly string[] = [], env: NodeJS.ProcessEnv = {}): ChildProcess {
    return this.#start([...this.#place.enter, process.execPath, ...AGENT], options, { ...WITH_COMPILED, ...env });
  }

  #start(command: readonly string[], options: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
    const { objects, state } = this.#place;
    const where = ["--node", NODE, "--objects", objects, "--state", state, "--node-netns", "/proc/self/ns/net"];
    const [file = "", ...args] = [...command, ...where, ...options];
    const agent = spawn(file, args, { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...env } });
    agent.stderr.on("data", (chunk: Buffer) => (this.log += chunk.toString()));
    this.#process = agent;
    return agent;
  }

  /** Ends the agent, and waits until it has ended. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const agent = this.#process;
    this.#process = undefined;
    if (agent === undefined || agent.exitCode !== null || agent.signalCode !== null) return;
    const ended = new Promise((resolve) => agent.once("exit", resolve));
    agent.kill(signal);
    await ended;
  }

  /** What the agents reported of a pod. */
  reports({ uid }: Pick<LabPod, "uid">): readonly AgentReport[] {
    return this.log.split("\n").flatMap((line) => {
      if (!line.includes(uid) || !line.startsWith("{")) return [];
      const { pod, reason = "", message = "" } = JSON.parse(line) as LogLine;
      return pod?.uid === uid ? [{ reason, message }] : [];
    });
  }

  /** The reasons of what the agents reported of a pod. */
  reasons(pod: Pick<LabPod, "uid">): readonly string[] {
    return this.reports(pod).map(({ reason }) => reason);
  }

  /** Waits until the agent reported something of a pod, and gives its message. */
  async reported(pod: Pick<LabPod, "uid">, reason: string, deadline = 20_000): Promise<string> {
    const find = (): AgentReport | undefined => this.reports(pod).find((one) => one.reason === reason);
    await waitUntil(() => find() !== undefined, deadline);
    const found = find();
    assert.ok(found, `nothing was reported with ${reason}: ${this.log}`);
    return found.message;
  }

  /** The pods that the agent has a directory of. */
  get #pods(): readonly string[] {
    const pods = join(this.state, "pods");
    return existsSync(pods) ? readdirSync(pods) : [];
  }

  #recordFile(uid: string): string {
    return join(this.state, "pods", uid, "record.json");
  }

  /** What the agent recorded of a pod; `T` says what of it is read. */
  record<T>({ uid }: Pick<LabPod, "uid">): T {
    return JSON.parse(readFileSync(this.#recordFile(uid), "utf8")) as T;
  }

  /** The user that a pod's services run as. */
  serviceUid(pod: Pick<LabPod, "uid">): number {
    return this.record<{ readonly serviceUid: number }>(pod).serviceUid;
  }

  /** The users of the services of every recorded pod. */
  serviceUids(): readonly number[] {
    return this.#pods.filter((uid) => existsSync(this.#recordFile(uid))).map((uid) => this.serviceUid({ uid }));
  }

  /** Everything of pods that the agent still keeps. */
  leftovers(): readonly string[] {
    return this.#pods.map((uid) => `record of ${uid}`);
  }
}
