import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { inNetns, exec } from "@netbind/netns";

/** What somebody outside saw come in. */
export interface Seen {
  readonly protocol: "tcp" | "udp";
  /** Who it came from. */
  readonly address: string;
  readonly text: string;
}

/** The ports that {@link Outside} listens on. */
export const OUTSIDE_PORTS = { tcp: 7000, udp: 7001 } as const;

/** A host outside a VM's pod, in a network namespace. */
export class Outside implements Disposable {
  readonly #netns: string;
  readonly #peer: ChildProcess;
  readonly seen: Seen[] = [];

  private constructor(netns: string, peer: ChildProcess) {
    this.#netns = netns;
    this.#peer = peer;
  }

  /** Listens in a namespace. */
  static async start(netns: string): Promise<Outside> {
    const program = fileURLToPath(new URL("peer.ts", import.meta.url));
    const args = [
      `--net=${netns}`,
      "--",
      process.execPath,
      program,
      String(OUTSIDE_PORTS.tcp),
      String(OUTSIDE_PORTS.udp),
    ];
    const peer = spawn("nsenter", args, { stdio: ["ignore", "pipe", "inherit"] });
    const outside = new Outside(netns, peer);
    await new Promise<void>((resolve, reject) => {
      let rest = "";
      peer.stdout.on("data", (chunk: Buffer) => {
        const lines = (rest + chunk.toString("utf8")).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          if (line === "ready") resolve();
          else outside.seen.push(JSON.parse(line) as Seen);
        }
      });
      peer.once("exit", (code) => reject(new Error(`the peer ended with ${code}`)));
    });
    return outside;
  }

  /** Waits until something with a text came in over a protocol. */
  async sees(protocol: Seen["protocol"], text: string, deadline = 10_000): Promise<Seen> {
    const end = performance.now() + deadline;
    for (;;) {
      const found = this.seen.find((one) => one.protocol === protocol && one.text.includes(text));
      if (found !== undefined) return found;
      if (performance.now() > end)
        throw new Error(`nothing with "${text}" came over ${protocol} in ${deadline} ms: ${JSON.stringify(this.seen)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Fetches a page. */
  fetch(url: string): Promise<string> {
    return this.#node(
      `const r = await fetch(${JSON.stringify(url)}, { signal: AbortSignal.timeout(5000) }); process.stdout.write(await r.text());`,
    );
  }

  /** How a TCP connection ends: `connected`, or the error's code. */
  connect(address: string, port: number): Promise<string> {
    return this.#node(`
      const { connect } = await import("node:net");
      const socket = connect({ host: ${JSON.stringify(address)}, port: ${port} });
      const tell = (text) => { process.stdout.write(text); process.exit(0); };
      socket.once("connect", () => tell("connected")).once("error", (error) => tell(error.code));
      setTimeout(() => tell("TIMEOUT"), 3000);`);
  }

  /** Sends a datagram, a few times: nobody says whether it came. */
  async sendUdp(address: string, port: number, text: string): Promise<void> {
    await this.#node(`
      const socket = (await import("node:dgram")).createSocket(${JSON.stringify(address.includes(":") ? "udp6" : "udp4")});
      for (let sent = 0; sent < 3; sent++) await new Promise((done) => socket.send(${JSON.stringify(text)}, ${port}, ${JSON.stringify(address)}, () => setTimeout(done, 200)));
      socket.close();`);
  }

  /** Runs a program of the machine in the namespace. */
  run(argv: readonly string[]): Promise<string> {
    return inNetns(this.#netns, exec)(argv);
  }

  [Symbol.dispose](): void {
    this.#peer.kill("SIGKILL");
  }

  #node(script: string): Promise<string> {
    return inNetns(this.#netns, exec)([process.execPath, "--input-type=module", "-e", script]);
  }
}
