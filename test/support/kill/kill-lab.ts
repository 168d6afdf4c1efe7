import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findVm, listVms, netnsPath, State, stateDirectories, vmId } from "@netbind/local";
import { tableFamilies } from "@netbind/engine";
import { inNetns, processesIn, exec, waitUntil } from "@netbind/netns";
import { expect } from "vitest";
import { overlayDirectory } from "../../../core/local/src/launcher/container-disks.ts";
import { demoVmi } from "../../demo/vmi.ts";
import { type MachineState, machineState, makeStateDirectory } from "../guest/machine.ts";
import { netbind, type Outcome } from "../guest/netbind.ts";
import { callWithPoints, type PassedPoints } from "./points.ts";
import { ResidentNetbind } from "../guest/resident-netbind.ts";

/** The VM's name. */
export const VM = "one";
/** A disk of the machine with nothing on it. */
const BLANK = "blank.img";
/** The VM's document. */
const VMI = "vm.yaml";
/** What a state directory holds when no VM is there. */
const EMPTY = [VMI, "locks", "node.lock", "uids.lock", "vms", "writable"];

/** A state directory in which netbind is killed, and everything that may be left of it is counted. */
export class KillLab implements AsyncDisposable {
  readonly directory: string;
  readonly state: State;
  /** Where the VM's disk is; it is only root's to see. */
  readonly disks: string;
  /** The machine without the VM. */
  readonly before: MachineState;
  readonly #vmi: string;
  readonly #netbind: ResidentNetbind;

  private constructor(before: MachineState, vmi: (disk: string) => string) {
    this.before = before;
    this.directory = makeStateDirectory("kill");
    this.disks = mkdtempSync("/var/tmp/netbind-kill-disks-");
    writeFileSync(this.#blank, Buffer.alloc(1024 * 1024), { mode: 0o600 });
    this.#vmi = vmi(this.#blank);
    writeFileSync(join(this.directory, VMI), this.#vmi);
    this.#netbind = new ResidentNetbind({ NETBIND_STATE_DIR: this.directory });
    this.state = new State({ ...stateDirectories(process.env), state: this.directory });
  }

  /** A lab for a VM called `one`: the demo guest's, or one that may have a disk with nothing on it. */
  static async make(
    vmi: string | ((disk: string) => string) = demoVmi({ name: VM, port: 80, nonce: "x" }),
  ): Promise<KillLab> {
    return new KillLab(await machineState(), typeof vmi === "string" ? () => vmi : vmi);
  }

  get #blank(): string {
    return join(this.disks, BLANK);
  }

  /** Calls netbind; what reads standard input gets the VM's document there. In a process of its own where it must be. */
  run(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Outcome> {
    return env !== undefined || args.includes("-") ? this.#runAlone(args, env) : this.#netbind.call(this.#listed(args));
  }

  /** What starts the VM is told where its disk may be. */
  #listed(args: readonly string[]): readonly string[] {
    return args[0] === "run" ? [...args, "--host-disk", this.disks] : args;
  }

  #runAlone(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
    return netbind(this.#listed(args), { env: { NETBIND_STATE_DIR: this.directory, ...env }, stdin: this.#vmi });
  }

  /** Everything that is there and was not, and stays: what others start on this machine meanwhile is over soon. */
  async leftovers(): Promise<readonly string[]> {
    let left: readonly string[] = [];
    await waitUntil(
      async () => {
        left = await this.#leftNow();
        return left.length === 0;
      },
      10_000,
      500,
    );
    return left;
  }

  /** Namespaces, links, mounts, processes, files. */
  async #leftNow(): Promise<readonly string[]> {
    const now = await machineState();
    const more = (["netns", "links", "mounts", "processes", "files"] as const).flatMap((kind) =>
      now[kind].filter((one) => !this.before[kind].includes(one)).map((one) => `${kind}: ${one}`),
    );
    const files = readdirSync(this.directory).filter((name) => !EMPTY.includes(name) && name !== "points");
    // Who may open the disk is what it was: none of its access list is left.
    const permissions = (await exec(["getfacl", "-cnp", this.#blank])).trim().split("\n");
    const granted = permissions.filter((line) => !["user::rw-", "group::---", "other::---"].includes(line));
    const layers = overlayDirectory(this.state, vmId("default", VM));
    return [
      ...more,
      ...files.map((name) => `file: ${name}`),
      ...granted.map((line) => `permission: ${line}`),
      ...(existsSync(layers) ? [`layers of container disks: ${layers}`] : []),
    ];
  }

  /** Stops every VM that a test left. */
  async clear(): Promise<void> {
    const names = listVms(this.state).map(({ name }) => name);
    await this.run(names.length > 0 ? ["stop", "--force", ...names] : ["gc"]);
    expect(await this.leftovers()).toEqual([]);
  }

  async start(): Promise<void> {
    const started = await this.run(["run", "-f", join(this.directory, VMI), "--keep", "--wait", "0"]);
    expect(started.code, started.stderr).toBe(0);
  }

  /** Runs a program in a VM's pod. */
  inPod(name: string, argv: readonly string[]): Promise<string> {
    return inNetns(netnsPath(findVm(this.state, name).netns), exec)(argv);
  }

  /** Takes away something of each kind from the VM's networks: of every NIC, what can be made again. */
  async breakNetwork(): Promise<void> {
    const { netns, nics } = findVm(this.state, VM);
    const inPod = inNetns(netnsPath(netns), exec);
    for (const { desired } of Object.values(nics)) {
      if (desired === undefined) continue;
      const { plan, table, podLink } = desired;
      for (const link of plan.links) {
        if (link.kind === "adopted") await inPod(["ip", "link", "set", link.name, "nomaster"]);
        if (link.kind === "placeholder") await inPod(["ip", "link", "del", link.name]);
        const own = link.kind === "bridge" ? link.addresses.find(({ address }) => address.includes(".")) : undefined;
        if (own !== undefined) await inPod(["ip", "addr", "del", `${own.address}/${own.prefix}`, "dev", link.name]);
      }
      const route = podLink?.routes.find(({ destination }) => destination === "0.0.0.0/0");
      if (route !== undefined) await inPod(["ip", "route", "del", "default"]);
      const forwards = plan.sysctls?.some(({ key, value }) => key === "net.ipv4.ip_forward" && value === "1");
      if (forwards === true) await inPod(["sysctl", "-q", "-w", "net.ipv4.ip_forward=0"]);
      for (const family of (plan.nftables ?? []).length > 0 ? tableFamilies(table) : [])
        await inPod(["nft", "delete", "table", family, table.name]);
    }
  }

  /** Kills the VM's sidecars, its servers and what reads its console. */
  killHelpers(): void {
    const helpers = findVm(this.state, VM).processes.filter(({ role }) => /^(sidecar|dhcp4|ipv6|console)/.test(role));
    for (const { processes } of helpers)
      process.kill(processes.at(-1)?.pid ?? expect.fail("a helper has no process"), "SIGKILL");
  }

  /** A process of the running VM. */
  pidOf(role: string): number {
    const pid = findVm(this.state, VM)
      .processes.find((entry) => entry.role.startsWith(role))
      ?.processes.at(-1)?.pid;
    if (pid === undefined) throw new Error(`the VM has no ${role}`);
    return pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.clear();
    await this.#netbind[Symbol.asyncDispose]();
    for (const directory of [this.directory, this.disks]) rmSync(directory, { recursive: true, force: true });
  }

  /** Calls netbind with a signal at one of its points. */
  runWithPoints(args: readonly string[], at: number, signal: NodeJS.Signals = "SIGKILL"): Promise<PassedPoints> {
    return callWithPoints((env) => this.#runAlone(args, env), { directory: this.directory, at, signal });
  }

  /** True where a program runs in a pod of the lab's. Looks without netbind's help. */
  runs(program: string): boolean {
    return this.state.podIds().some((id) =>
      processesIn(netnsPath(this.state.podNetns(id))).some(({ pid }) => {
        try {
          return readFileSync(`/proc/${pid}/comm`, "utf8").startsWith(program);
        } catch {
          return false;
        }
      }),
    );
  }
}
