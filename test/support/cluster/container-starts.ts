/** When containers of a node were started, as its containerd says: the kubelet's own word of it has whole seconds. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { unpackDebian } from "../build/debian-programs.ts";
import type { InNode } from "./in-node.ts";
import { CONTAINERD_SOCKET } from "./node-plan.ts";

/** `2026-11-30 12:00:00.123456789 +0000 UTC k8s.io /tasks/start {"container_id":"...","pid":1}`. */
const START = /^(\S+) (\S+) \S+ UTC k8s\.io \/tasks\/start (\{.*\})$/;

export class ContainerStarts implements AsyncDisposable {
  readonly #events: ChildProcess;
  /** Milliseconds since 1970, by the container's id. */
  readonly #starts = new Map<string, number>();

  private constructor(events: ChildProcess) {
    this.#events = events;
    createInterface({ input: events.stdout ?? process.stdin }).on("line", (line) => this.#take(line));
  }

  /** Follows a node from now on. */
  static async of(node: InNode): Promise<ContainerStarts> {
    const ctr = join(await unpackDebian("containerd"), "usr/bin/ctr");
    return new ContainerStarts(node.spawn([ctr, "--address", CONTAINERD_SOCKET, "--namespace", "k8s.io", "events"]));
  }

  /** Milliseconds since 1970; undefined for a container whose start was not seen. */
  at(containerId: string): number | undefined {
    return this.#starts.get(containerId.replace("containerd://", ""));
  }

  #take(line: string): void {
    const [, day = "", time = "", event] = START.exec(line) ?? [];
    if (event === undefined) return;
    const { container_id: id } = JSON.parse(event) as { readonly container_id: string };
    const [second = "", fraction = "0"] = time.split(".");
    this.#starts.set(id, Date.parse(`${day}T${second}Z`) + Number(`0.${fraction}`) * 1000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { exitCode, signalCode } = this.#events;
    // What it runs in the node ends when it has an event that is read by no one, and with the node.
    this.#events.stdout?.destroy();
    if (exitCode !== null || signalCode !== null) return;
    const ended = once(this.#events, "exit");
    this.#events.kill();
    await ended;
  }
}
