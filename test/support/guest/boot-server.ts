import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitUntil } from "@netbind/netns";

/** Where a boot server listens, and what it serves. */
export interface BootServerOptions {
  /** Path of the network namespace that it is in. */
  readonly netns: string;
  /** A link on which it hands out addresses and the name of the boot file too. */
  readonly dhcp: {
    readonly link: string;
    readonly first: string;
    readonly last: string;
    readonly bootFile: string;
    readonly self: string;
  };
  /** Texts by file name. */
  readonly texts: Readonly<Record<string, string>>;
  /** Files to copy, by the name under which they are served. */
  readonly files: Readonly<Record<string, string>>;
}

/** A TFTP server, and a DHCP server that names a file on it, as an administrator runs them beside a network. */
export class BootServer implements AsyncDisposable {
  readonly #directory: string = mkdtempSync(join(tmpdir(), "netbind-boot-"));
  readonly #process: ChildProcess;

  constructor({ netns, dhcp, texts, files }: BootServerOptions) {
    chmodSync(this.#directory, 0o755);
    for (const [name, text] of Object.entries(texts)) writeFileSync(join(this.#directory, name), text);
    for (const [name, file] of Object.entries(files)) copyFileSync(file, join(this.#directory, name));
    const server = [
      ...[
        "dnsmasq",
        "--conf-file=/dev/null",
        "--keep-in-foreground",
        "--port=0",
        "--user=root",
        "--leasefile-ro",
        "--pid-file=",
      ],
      ...["--enable-tftp", `--tftp-root=${this.#directory}`, `--log-facility=${this.#log}`, "--log-dhcp"],
      ...[`--dhcp-range=${dhcp.first},${dhcp.last},255.255.255.0,1h`, `--dhcp-boot=${dhcp.bootFile},,${dhcp.self}`],
    ];
    this.#process = spawn("nsenter", [`--net=${netns}`, "--", ...server], { stdio: "ignore" });
  }

  get #log(): string {
    return join(this.#directory, "log");
  }

  /** What it did so far. */
  said(): string {
    return existsSync(this.#log) ? readFileSync(this.#log, "utf8") : "";
  }

  /** Waits until it has sent a file to an address. */
  async sent(file: string, to: string, deadline = 120_000): Promise<boolean> {
    return waitUntil(() => this.said().includes(`sent ${this.#directory}/${file} to ${to}`), deadline, 200);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    rmSync(this.#directory, { recursive: true });
  }
}
