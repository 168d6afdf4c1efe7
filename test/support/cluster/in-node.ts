/** What a test does on a node of a cluster. */
import { type ChildProcess, spawn } from "node:child_process";
import { type Exec, exec } from "@netbind/netns";
import type { ClusterDirectory } from "./cluster-directory.ts";
import { nodeName } from "./node-plan.ts";

/** A node, reached from outside: nodes count from 1. */
export class InNode {
  readonly #pid: number;

  /** @throws Error where the cluster is not up, or has no such node */
  constructor(directory: ClusterDirectory, node: number) {
    const holder = directory.running()?.nodeHolders[nodeName(node)];
    if (holder === undefined) throw new Error(`the cluster "${directory.name}" is not up, or has no node ${node}`);
    this.#pid = holder.first.pid;
  }

  get #enter(): readonly string[] {
    return ["nsenter", `--target=${this.#pid}`, "--mount", "--pid", "--net", "--"];
  }

  /** Runs a command there to its end. */
  get exec(): Exec {
    return (argv, options) => exec([...this.#enter, ...argv], options);
  }

  /** Starts a process there, which ends with the node; its output is the caller's to read. */
  spawn(argv: readonly string[]): ChildProcess {
    const [file = "", ...args] = [...this.#enter, ...argv];
    return spawn(file, args, { stdio: ["ignore", "pipe", "inherit"] });
  }

  /** A path of the node, as this machine reaches it. */
  path(path: string): string {
    return `/proc/${this.#pid}/root${path}`;
  }

  /** A pod's volume of the kind emptyDir, likewise. */
  volume(uid: string, name: string): string {
    return this.path(`/var/lib/kubelet/pods/${uid}/volumes/kubernetes.io~empty-dir/${name}`);
  }
}
