/** Nodes on which sandboxes are hard to make: mounts over /proc, no user namespaces. Each is a process of the test's own. */
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { type Exec, exec, waitUntil } from "@netbind/netns";

/** What a container's runtime hides of /proc, what it shows read-only, and what lxcfs puts there. */
export const MASKED = [
  "mount -t tmpfs tmpfs /mnt && echo lxcfs > /mnt/meminfo",
  ...["meminfo", "uptime"].map((file) => `mount --bind /mnt/meminfo /proc/${file}`),
  "mount --bind /dev/null /proc/interrupts",
  "mount -t tmpfs -o ro tmpfs /proc/irq",
  "mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys",
].join(" && ");

/** The whole range of users, each as itself. */
const EVERYBODY = "0 0 4294967295";

/** How a node is made: namespaces of its own beside the mounts, and what is done in them. */
export interface NodeParts {
  /** True where its root is one in a user namespace, whose limits are its own. */
  readonly user?: boolean;
  /** Shell commands, done once its users are mapped. */
  readonly setUp: string;
  /** The node that it is made in; absent: this machine. */
  readonly inside?: HostileNode;
}

/** A node: it lasts as long as the process that holds it. */
export class HostileNode implements AsyncDisposable {
  readonly #holder: ChildProcess;
  readonly #user: boolean;

  private constructor(holder: ChildProcess, user: boolean) {
    this.#holder = holder;
    this.#user = user;
  }

  static async make({ user = false, setUp, inside }: NodeParts): Promise<HostileNode> {
    const script = `read -r go && { ${setUp}; } && echo ready && exec sleep infinity`;
    const namespaces = ["unshare", "--mount", ...(user ? ["--user", "--net"] : [])];
    const [file = "", ...args] = [...(inside?.enter ?? []), ...namespaces, "sh", "-c", `echo made; ${script}`];
    const holder = spawn(file, args, { stdio: ["pipe", "pipe", "inherit"] });
    let printed = "";
    holder.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString("utf8");
    });
    const says = async (word: string): Promise<void> => {
      if (
        !(await waitUntil(() => printed.includes(word) || holder.exitCode !== null, 10_000)) ||
        holder.exitCode !== null
      )
        throw new Error(`the node is not ${word}: ${printed}`);
    };
    await says("made");
    if (user) for (const map of ["uid_map", "gid_map"]) writeFileSync(`/proc/${holder.pid}/${map}`, EVERYBODY);
    holder.stdin.write("go\n");
    await says("ready");
    return new HostileNode(holder, user);
  }

  /** The node's own network, which is its user namespace's where it has one. */
  get netns(): string {
    return `/proc/${this.#holder.pid}/ns/net`;
  }

  /** What makes a command run on the node. */
  get enter(): readonly string[] {
    const namespaces = ["--mount", ...(this.#user ? ["--user", "--net"] : [])];
    return ["nsenter", "--target", String(this.#holder.pid), ...namespaces, "--"];
  }

  get exec(): Exec {
    return (argv, options) => exec([...this.enter, ...argv], options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#holder.kill("SIGKILL");
    await waitUntil(() => this.#holder.exitCode !== null || this.#holder.signalCode !== null, 5000);
  }
}
