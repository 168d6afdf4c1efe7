/**
 * A machine inside this one, with what this one's kernel and hardware lack: a NIC with virtual functions behind an IOMMU,
 * KVM, dummy, vhost-net, 802.1Q, Open vSwitch. Its processor is QEMU's; its root is this machine's own, read-only, under a
 * layer in memory. It ends with the process that started it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureImage, State, stateDirectories } from "@netbind/local";
import { exec, waitUntil } from "@netbind/netns";
import { bundleNetbind } from "./bundle-netbind.ts";
import { type BootFiles, ensureBootFiles } from "./boot-files.ts";
import { nestedCommand } from "./nested-command.ts";

/** How a script ended on the nested machine. */
export interface NestedOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const BOOT_DEADLINE = 5 * 60_000;
const SCRIPT_DEADLINE = 10 * 60_000;
/** Where the nested machine sees the shared directory. */
const SHARE = "/run/nested";
/** The commands of the bundle, below where it is laid out. */
const PROGRAMS = [
  "core/cli/bundle/netbind",
  "test/support/nested/in-guest",
  "test/support/nested/attach-pod",
  "test/support/nested/call-image",
  "test/support/nested/live-image",
] as const;
const CHECKOUT = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");
/** How much longer than usual things take on a processor in software. */
const TIMEOUT_SCALE = 30;

/** A text as one word of a shell script. */
const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

export class NestedMachine implements AsyncDisposable {
  readonly #qemu: ChildProcess;
  readonly #share: string;
  #jobs = 0;

  private constructor(qemu: ChildProcess, share: string) {
    this.#qemu = qemu;
    this.#share = share;
  }

  /** Boots one, with files as its disks. @throws Error with the end of its console where it does not come up */
  static async start(disks: readonly string[] = []): Promise<NestedMachine> {
    const { cache } = new State(stateDirectories(process.env));
    const image = await ensureImage(exec, cache, console.error);
    const files = await ensureBootFiles(image, cache);
    const share = mkdtempSync(join(tmpdir(), "netbind-nested-"));
    copyFileSync(fileURLToPath(new URL("agent", import.meta.url)), join(share, "agent"));
    chmodSync(join(share, "agent"), 0o755);
    await bundleNetbind(join(share, "netbind"));
    const [file = "", ...args] = nestedCommand({ rootfs: image.rootfs, files, share, disks });
    const log = join(share, "qemu.log");
    const qemu = spawn("sh", ["-c", 'exec "$@" > "$0" 2>&1', log, file, ...args], { stdio: "ignore" });
    const machine = new NestedMachine(qemu, share);
    try {
      if (!(await waitUntil(() => machine.#has("ready") || machine.#ended, BOOT_DEADLINE, 100)) || machine.#ended)
        throw new Error("the nested machine did not come up");
      await machine.#prepare(files, cache);
      return machine;
    } catch (error) {
      const console = machine.lastLines();
      await machine[Symbol.asyncDispose]();
      throw new Error(`${(error as Error).message}: ${console}`, { cause: error });
    }
  }

  get #ended(): boolean {
    return this.#qemu.exitCode !== null || this.#qemu.signalCode !== null;
  }

  #has(name: string): boolean {
    return existsSync(join(this.#share, name));
  }

  /** The last lines of its console and of QEMU's own words. */
  lastLines(): string {
    return ["qemu.log", "console"]
      .map((name) => join(this.#share, name))
      .flatMap((file) => (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").slice(-15) : []))
      .join("\n");
  }

  /** Loads what every test needs, and puts the commands of PROGRAMS where they are found. */
  async #prepare({ modules }: BootFiles, cache: string): Promise<void> {
    await this.reveal([CHECKOUT, cache]);
    this.#putCommands(cache);
    await this.sh(`
      hostname nested
      mkdir -p "/lib/modules/$(uname -r)" && mount --bind ${quote(modules)} "/lib/modules/$(uname -r)"
      modprobe -a kvm_amd igb virtio_net vfio_pci vfio_iommu_type1 tun bridge veth dummy vhost_net
      cp -r ${SHARE}/netbind /opt/netbind
      cp ${SHARE}/commands/* /usr/local/bin/`);
  }

  /** Shows directories of the outer machine's at their own paths where they lie below one that this machine hides (/tmp, /run). */
  async reveal(directories: readonly string[]): Promise<void> {
    await this.sh(`
      mkdir /run/outer && mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=524288 outer /run/outer
      for directory in ${directories.map(quote).join(" ")}; do
        [ -e "$directory" ] || { mkdir -p "$directory" && mount --bind "/run/outer$directory" "$directory"; }
      done
      umount /run/outer && rmdir /run/outer`);
  }

  #putCommands(cache: string): void {
    mkdirSync(join(this.#share, "commands"));
    for (const program of PROGRAMS) {
      const lines = [
        "#!/bin/sh",
        `export NETBIND_TIMEOUT_SCALE=${TIMEOUT_SCALE} NETBIND_CACHE_DIR=${quote(cache)}`,
        `exec ${quote(process.execPath)} /opt/netbind/${program}.js "$@"`,
      ];
      writeFileSync(join(this.#share, "commands", basename(program)), `${lines.join("\n")}\n`, { mode: 0o755 });
    }
  }

  /** Runs a shell script there. Several may run at once. */
  async run(script: string, deadline = SCRIPT_DEADLINE): Promise<NestedOutcome> {
    const job = join(this.#share, String(++this.#jobs));
    writeFileSync(`${job}.next`, script);
    renameSync(`${job}.next`, `${job}.job`);
    const done = await waitUntil(() => existsSync(`${job}.code`) || this.#ended, deadline, 50);
    const read = (name: string): string => (existsSync(`${job}.${name}`) ? readFileSync(`${job}.${name}`, "utf8") : "");
    if (!done || this.#ended) {
      const why = done ? "the nested machine ended" : `not done in ${deadline} ms`;
      throw new Error(`${script.trim()}: ${why}: ${read("out")} ${read("err")} ${this.lastLines()}`);
    }
    return { code: Number(read("code")), stdout: read("out"), stderr: read("err") };
  }

  /** Runs a script that must succeed, every command of it, and gives what it printed. */
  async sh(script: string, deadline?: number): Promise<string> {
    const { code, stdout, stderr } = await this.run(`set -e\n${script}`, deadline);
    if (code !== 0) throw new Error(`${script.trim()}: exit code ${code}: ${stderr} ${stdout}`);
    return stdout;
  }

  /** Runs a command in the demo guest of a VM there, and gives what it printed. */
  inGuest(vm: string, command: string): Promise<string> {
    return this.sh(`in-guest ${vm} ${quote(command)}`);
  }

  /** Puts a file there, readable for scripts as the path that is given back. */
  put(name: string, text: string): string {
    mkdirSync(join(this.#share, "files"), { recursive: true });
    writeFileSync(join(this.#share, "files", name), text);
    return `${SHARE}/files/${name}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#qemu.kill("SIGKILL");
    await waitUntil(() => this.#ended, 10_000);
    rmSync(this.#share, { recursive: true, force: true });
  }
}
