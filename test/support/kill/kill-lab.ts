import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { domainName, findVm, listVms, netnsPath, State, stateDirectories } from "@netbind/local";
import { tableFamilies } from "@netbind/engine";
import { inNetns, processesIn, exec, waitUntil } from "@netbind/netns";
import { expect } from "vitest";
import { launcherOf } from "../../../core/local/src/launcher/launcher-of.ts";
import { demoVmi } from "../../demo/vmi.ts";
import { type MachineState, machineState, makeStateDirectory } from "../guest/machine.ts";
import { netbind, type Outcome } from "../guest/netbind.ts";
import { ResidentNetbind } from "../guest/resident-netbind.ts";
import { meetingDirectory } from "../../../core/local/src/pod/writable.ts";

const PRELOAD = new URL("kill-point.ts", import.meta.url).href;
const VM = "one";
const MIGRATE = ["migrate", VM, "--wait", "0"];
/** A disk of the machine with nothing on it. */
const BLANK = "blank.img";
/** The VM's document. */
const VMI = "vm.yaml";
/** What a state directory holds when no VM is there. */
const EMPTY = [VMI, "locks", "node.lock", "uids.lock", "vms", "writable"];

/** A command that is killed in the middle, and what must be there before it starts. */
export interface Scenario {
  readonly name: string;
  readonly args: readonly string[];
  readonly prepare?: (lab: KillLab) => Promise<void>;
}

/** A state directory in which netbind is killed, and everything that may be left of it is counted. */
export class KillLab implements AsyncDisposable {
  readonly directory: string;
  readonly state: State;
  /** Where the VM's disk is; it is nobody's to see but root's. */
  readonly #disks: string;
  readonly #before: MachineState;
  readonly #vmi: string;
  readonly #netbind: ResidentNetbind;

  private constructor(before: MachineState, vmi: (disk: string) => string) {
    this.#before = before;
    this.directory = makeStateDirectory("kill");
    this.#disks = mkdtempSync("/var/tmp/netbind-kill-disks-");
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
    return join(this.#disks, BLANK);
  }

  /** Calls netbind; what reads standard input gets the VM's document there. In a process of its own where it must be. */
  run(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Outcome> {
    return env !== undefined || args.includes("-") ? this.#runAlone(args, env) : this.#netbind.call(this.#listed(args));
  }

  /** What starts the VM is told where its disk may be. */
  #listed(args: readonly string[]): readonly string[] {
    return args[0] === "run" ? [...args, "--host-disk", this.#disks] : args;
  }

  #runAlone(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
    return netbind(this.#listed(args), { env: { NETBIND_STATE_DIR: this.directory, ...env }, stdin: this.#vmi });
  }

  /** Runs a scenario to its end, and gives the points that it passed. */
  async trace(scenario: Scenario): Promise<readonly string[]> {
    await scenario.prepare?.(this);
    const outcome = await this.#withPoints(scenario.args, 0);
    expect(outcome.code, outcome.stderr).toBe(0);
    const points = this.#points();
    await this.clear();
    return points;
  }

  /** Kills a scenario at a point, and sees that nothing is lost and nothing is left. Gives the point as it was passed. */
  async kill(scenario: Scenario, at: number): Promise<string> {
    await scenario.prepare?.(this);
    const outcome = await this.#withPoints(scenario.args, at);
    expect(outcome.code, `the ${scenario.name} was not killed at ${at}: ${outcome.stderr}`).toBe(null);
    const point = this.#points().at(-1) ?? "";
    await this.settle(`${scenario.name} killed at ${point}`);
    return point;
  }

  /** Migrates the VM to the end, and gives the points that it passed. The VM must be there. */
  async traceMigration(): Promise<readonly string[]> {
    const outcome = await this.#withPoints(MIGRATE, 0);
    expect(outcome.code, outcome.stderr).toBe(0);
    return this.#points();
  }

  /** Kills a migration at a point, and sees that its VM is in one pod, whole, once `end` was called. Gives the point. */
  async killMigration(at: number, end: "apply" | "gc"): Promise<string> {
    const outcome = await this.#withPoints(MIGRATE, at);
    expect(outcome.code, `the migration was not killed at ${at}: ${outcome.stderr}`).toBe(null);
    const what = `migration killed at ${this.#points().at(-1)}`;
    const ended = await this.run([end]);
    expect(ended.code, `${what}: ${ended.stdout}${ended.stderr}`).toBe(0);
    // What gc leaves to be repaired is repaired; it never leaves more than a VM's servers and console.
    if (end === "gc") expect((await this.run(["apply"])).code, what).toBe(0);
    expect((await this.run(["check"])).stdout, what).toBe(`default/${VM}: healthy\n`);
    await this.#expectOnePod(what);
    return what;
  }

  /** The VM is in one pod, its guest runs there, and nothing else of it is on the machine. */
  async #expectOnePod(what: string): Promise<void> {
    const record = findVm(this.state, VM);
    const state = await launcherOf(exec, record).virsh(["domstate", domainName(record.vmi)]);
    expect(state.trim(), what).toBe("running");
    const own = new Set(processesIn(netnsPath(record.netns)).map(({ pid }) => `${pid}`));
    const strange = async (): Promise<readonly string[]> => {
      const { netns, processes } = await machineState();
      const more = processes.filter(
        (one) => !this.#before.processes.includes(one) && !own.has(one.split(" ").at(-1) ?? ""),
      );
      return [
        ...netns.filter(
          (one) => !this.#before.netns.includes(one) && ![record.netns, this.state.nodeNetns].includes(one),
        ),
        ...more,
      ];
    };
    let left: readonly string[] = [];
    await waitUntil(
      async () => {
        left = await strange();
        return left.length === 0;
      },
      10_000,
      500,
    );
    expect(left, what).toEqual([]);
    expect(this.state.podIds(), what).toEqual([record.id]);
    for (const name of ["locks", "writable"])
      expect(readdirSync(join(this.directory, name)), what).toEqual([record.id.slice(0, 12)]);
    expect(readdirSync(meetingDirectory(this.state, record)), what).toEqual([]);
  }

  /** After whatever happened: check tells the truth, and apply or gc ends in a healthy VM or in nothing. */
  async settle(what: string): Promise<void> {
    // What there is now is known again once its record is gone.
    await machineState();
    const observed = this.state.vmIds().length > 0;
    // libvirt may be in the middle of starting a guest that it was asked for: then its domain is recorded.
    const asked = listVms(this.state).some(({ domainXml }) => domainXml !== undefined);
    if (asked) await waitUntil(() => this.#qemuRuns() || !this.#runs("libvirtd"), 3000);
    const lives = this.#qemuRuns();
    const checked = await this.run(["check"]);
    if (lives) {
      const applied = await this.run(["apply"]);
      expect(applied.code, `${what}: ${applied.stdout}${applied.stderr}`).toBe(0);
      expect((await this.run(["check"])).stdout, what).toContain("healthy");
      const collected = await this.run(["gc"]);
      expect(collected.stdout, `${what}: gc must leave a living VM alone`).toContain("nothing to remove");
      expect(this.#qemuRuns()).toBe(true);
      await this.clear();
    } else {
      // A directory without a record is nothing that was made.
      if (observed && checked.stdout !== "no VMs\n") expect(checked.stdout, what).toContain("has ended");
      const collected = await this.run(["gc"]);
      expect(collected.code, collected.stderr).toBe(0);
    }
    expect(await this.leftovers(), what).toEqual([]);
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
      now[kind].filter((one) => !this.#before[kind].includes(one)).map((one) => `${kind}: ${one}`),
    );
    const files = readdirSync(this.directory).filter((name) => !EMPTY.includes(name) && name !== "points");
    // Who may open the disk is what it was: none of its access list is left.
    const permissions = (await exec(["getfacl", "-cnp", this.#blank])).trim().split("\n");
    const granted = permissions.filter((line) => !["user::rw-", "group::---", "other::---"].includes(line));
    return [...more, ...files.map((name) => `file: ${name}`), ...granted.map((line) => `permission: ${line}`)];
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
    for (const directory of [this.directory, this.#disks]) rmSync(directory, { recursive: true, force: true });
  }

  #withPoints(args: readonly string[], killAt: number): Promise<Outcome> {
    rmSync(join(this.directory, "points"), { force: true });
    const env = {
      NODE_OPTIONS: `--import=${PRELOAD}`,
      NETBIND_POINTS: join(this.directory, "points"),
      NETBIND_KILL_AT: String(killAt),
    };
    return this.#runAlone(args, env);
  }

  #points(): readonly string[] {
    return readFileSync(join(this.directory, "points"), "utf8").trim().split("\n");
  }

  /** Looks without netbind's help. */
  #qemuRuns(): boolean {
    return this.#runs("qemu-system");
  }

  #runs(program: string): boolean {
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

/** The commands that are killed at every point. */
export const SCENARIOS: readonly Scenario[] = [
  { name: "run", args: ["run", "-f", "-", "--keep", "--wait", "0"] },
  { name: "stop", args: ["stop", "--force", VM], prepare: (lab) => lab.start() },
  {
    name: "apply",
    args: ["apply"],
    prepare: async (lab) => {
      await lab.start();
      lab.killHelpers();
      await lab.breakNetwork();
    },
  },
  {
    name: "gc",
    args: ["gc"],
    prepare: async (lab) => {
      await lab.start();
      process.kill(lab.pidOf("qemu"), "SIGKILL");
      await new Promise((resolve) => setTimeout(resolve, 300));
    },
  },
];
