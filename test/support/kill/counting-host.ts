import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import { netnsPath } from "@netbind/local";
import { inNetns, exec } from "@netbind/netns";
import { TestNetns } from "../netns/netns.ts";

/** What came over the two connections of a {@link CountingHost}, as lines with one number each. */
export interface Counts {
  /** The last number that was sent to the guest. */
  readonly sent: number;
  /** All that the guest sent back. */
  readonly echoed: string;
  /** All that the guest counted. */
  readonly counted: string;
  /** How often the guest connected. */
  readonly accepted: number;
  /** How connections ended. */
  readonly ended: readonly string[];
}

/** The text of a counter that was never interrupted, as long as another text. */
export function countedUp(like: string): string {
  let text = "";
  for (let at = 1; text.length < like.length; at++) text += `${at}\n`;
  return text.slice(0, like.length);
}

/** A host on a layer 2 network of the node, outside every pod: a namespace whose link is a port of the network's bridge. */
export class CountingHost implements AsyncDisposable {
  readonly netns: TestNetns;
  readonly #node: string;
  #peer: ChildProcess | undefined;
  #lines: Interface | undefined;
  /** What the bridge learned, as `bridge fdb` shows and tells it. */
  readonly #monitor: ChildProcess;
  #learned = "";

  private constructor(netns: TestNetns, node: string) {
    this.netns = netns;
    this.#node = node;
    this.#monitor = spawn("nsenter", [`--net=${netnsPath(node)}`, "--", "bridge", "monitor", "fdb"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#monitor.stdout?.on("data", (chunk: Buffer) => {
      this.#learned += chunk.toString("utf8");
    });
  }

  /** Plugs a host into a bridge of a namespace, given by its name. */
  static async plugInto(node: string, bridge: string, address: string): Promise<CountingHost> {
    const host = new CountingHost(await TestNetns.make(), node);
    const port = `to-${host.netns.name.slice(-8)}`;
    await host.netns.exec(["ip", "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", node]);
    await host.onNode(["ip", "link", "set", port, "master", bridge, "up"]);
    await host.netns.exec(["ip", "addr", "add", address, "dev", "eth0"]);
    await host.netns.exec(["ip", "link", "set", "eth0", "up"]);
    host.#learned += await host.onNode(["bridge", "fdb", "show", "br", bridge]);
    return host;
  }

  /** Runs a program where the bridge is. */
  onNode(argv: readonly string[]): Promise<string> {
    return inNetns(netnsPath(this.#node), exec)(argv);
  }

  /** The ports that the bridge learned a MAC address at, one after the other. */
  portsOf(mac: string): readonly string[] {
    const ports = [...this.#learned.matchAll(new RegExp(`^${mac} dev (\\S+) master`, "gm"))].map(
      ([, port = ""]) => port,
    );
    return ports.filter((port, at) => port !== ports[at - 1]);
  }

  /** Connects to a guest's echo, and waits for the guest at a port of its own. */
  async count(guest: string, echoPort: number, ownPort: number): Promise<void> {
    const program = fileURLToPath(new URL("../peers/counting-peer.ts", import.meta.url));
    const argv = [
      `--net=${this.netns.path}`,
      "--",
      process.execPath,
      program,
      guest,
      String(echoPort),
      String(ownPort),
    ];
    this.#peer = spawn("nsenter", argv, { stdio: ["pipe", "pipe", "inherit"] });
    if (this.#peer.stdout !== null) this.#lines = createInterface(this.#peer.stdout);
    await this.counts();
  }

  /** What came until now. */
  async counts(): Promise<Counts> {
    if (this.#lines === undefined) throw new Error("nothing is counted");
    const reported = once(this.#lines, "line");
    this.#peer?.stdin?.write("\n");
    return JSON.parse(String((await reported)[0])) as Counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#peer?.kill("SIGKILL");
    this.#monitor.kill("SIGKILL");
    await this.netns[Symbol.asyncDispose]();
  }
}
