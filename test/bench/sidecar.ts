/** The sidecar: its start, its memory, and what its domain hook costs beside a server that gives the bytes back. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { anAttachment } from "@netbind/contract/testing";
import { waitUntil } from "@netbind/netns";
import masquerade from "@netbind/plugin-masquerade";
import { addHooks, attachSidecar, connectHooks, listenUnix, makeServer } from "@netbind/remote/sidecar";
import { buildBaseDomain, type RuntimeStart } from "@netbind/local";
import type { Vmi } from "@netbind/kubevirt";
import { nicDomain, writeTapInterface } from "@netbind/domain";
import { SIDECAR_START } from "../support/kube/sidecar-start.ts";
import { benchDialed } from "./dialed.ts";
import { type Comparison, percentile } from "./report.ts";

const BUNDLE = fileURLToPath(new URL("../../sidecars/dist/masquerade.mjs", import.meta.url));
const USER = [
  "--reuid",
  "107",
  "--regid",
  "107",
  "--clear-groups",
  "--bounding-set=-all",
  "--inh-caps=-all",
  "--no-new-privs",
];
const SIDE_BY_SIDE = 20;
const CALLS = 500;
/** A VM with more devices than any should have. */
const MANY_DEVICES = 3000;
const LARGE_CALLS = 20;
/** A domain of about 64,000 bytes. */
const LARGE_DEVICES = 830;

const vmi = {
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachineInstance",
  metadata: { name: "vm", namespace: "default", labels: {}, annotations: {} },
  spec: { domain: { devices: {} } },
} as unknown as Vmi;
const domainWith = (devices: number): Buffer =>
  Buffer.from(
    writeTapInterface(buildBaseDomain({ vmi, accelerator: "kvm", disks: [] }), nicDomain(anAttachment())).replace(
      "</devices>",
      `${Array.from({ length: devices }, (_, at) => `    <hostdev mode='subsystem' type='usb'><alias name='ua-x${at}'/></hostdev>`).join("\n")}\n  </devices>`,
    ),
  );
const DOMAIN = domainWith(60);

/** A directory with the files of a sidecar, as its user may read them. */
class Place implements Disposable {
  readonly directory: string = mkdtempSync(join(tmpdir(), "netbind-bench-"));

  constructor() {
    chmodSync(this.directory, 0o755);
    copyFileSync(BUNDLE, join(this.directory, "sidecar.mjs"));
    copyFileSync(process.execPath, join(this.directory, "node"));
  }

  /** Starts something with the sidecar's runtime, as the sidecar's user. */
  start(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    return spawn("setpriv", [...USER, join(this.directory, "node"), ...args], { env, stdio: "ignore" });
  }

  /** Starts a sidecar, hands it one NIC, and waits for its hooks. Gives the milliseconds from its start to Info's answer. */
  async sidecar(
    name: string,
    { options, environment } = SIDECAR_START,
  ): Promise<{ readonly child: ChildProcess; readonly hook: string; readonly ms: number }> {
    const hooks = join(this.directory, name);
    mkdirSync(hooks, { mode: 0o700 });
    chownSync(hooks, 107, 107);
    const start = performance.now();
    const env = { ...environment, NETBIND_HOOKS_DIR: hooks, CONTAINER_NAME: "c" };
    const child = this.start([...options, join(this.directory, "sidecar.mjs"), "sidecar"], env);
    const socket = join(hooks, "netbind/attach.sock");
    await waitUntil(() => existsSync(socket), 20_000, 1);
    const attachment = anAttachment();
    const plan = { ...masquerade.plan(attachment), domain: { kind: "passt", forward: [] } as const };
    const place = { base: this.directory, components: [name], uid: 107 };
    await attachSidecar(place, { namespace: "default", name: "vm", uid: "u", nics: [{ attachment, plan }] });
    const hook = join(hooks, "masquerade-c.sock");
    const info = connectHooks(hook);
    await info.info();
    info.close();
    return { child, hook, ms: performance.now() - start };
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A field of a process' memory, in MB. */
const memoryOf = (pid: number | undefined, file: "smaps_rollup" | "status", field: string): number =>
  Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(readFileSync(`/proc/${pid}/${file}`, "utf8"))?.[1] ?? 0) / 1024;

/** A sidecar's memory that is its own, once it was asked for a large domain again and again. */
async function memoryAfterCalls(place: Place, name: string, start?: RuntimeStart): Promise<number> {
  const { child, hook } = await place.sidecar(name, start);
  const client = connectHooks(hook);
  const [json, domain] = [Buffer.from(JSON.stringify(vmi)), domainWith(MANY_DEVICES)];
  for (let at = 0; at < LARGE_CALLS; at++) await client.onDefineDomain("v1alpha3", domain, json);
  const memory = memoryOf(child.pid, "status", "RssAnon");
  client.close();
  child.kill("SIGKILL");
  return memory;
}

async function benchLargeDomain(place: Place): Promise<Comparison> {
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let at = 0; at < 5; at++) {
    ours.push(await memoryAfterCalls(place, `large${at}`));
    theirs.push(await memoryAfterCalls(place, `unbound${at}`, { options: [], environment: {} }));
  }
  const kibibytes = Math.round(domainWith(MANY_DEVICES).length / 1024);
  return {
    what: `sidecar's own memory (RssAnon) after ${LARGE_CALLS} domains of ${kibibytes} KiB`,
    unit: "MB",
    ours,
    theirs,
    against: "the same runtime without options",
    goal: { ratio: 0.75, better: "smaller" },
  };
}

async function callTimes(hook: string): Promise<readonly number[]> {
  const client = connectHooks(hook);
  const json = Buffer.from(JSON.stringify(vmi));
  const times: number[] = [];
  for (let at = 0; at < CALLS + 100; at++) {
    const start = performance.now();
    await client.onDefineDomain("v1alpha3", DOMAIN, json);
    // The first calls warm both ends up.
    if (at >= 100) times.push(performance.now() - start);
  }
  client.close();
  return times;
}

/** The same server with a hook that does nothing. */
async function echoServer(directory: string): Promise<{ readonly socket: string; readonly close: () => void }> {
  const server = makeServer();
  addHooks(server, { name: "echo", onDefineDomain: (xml) => xml, shutdown: () => undefined });
  const socket = join(directory, "echo.sock");
  await listenUnix(server, socket);
  return { socket, close: () => server.forceShutdown() };
}

async function benchStart(place: Place): Promise<Comparison> {
  const ours: number[] = [];
  const bare: number[] = [];
  for (let at = 0; at < 12; at++) {
    const { child, ms } = await place.sidecar(`start${at}`);
    child.kill("SIGKILL");
    ours.push(ms);
    const start = performance.now();
    await new Promise((resolve) => place.start(["-e", "0"]).once("exit", resolve));
    bare.push(performance.now() - start);
  }
  return {
    what: "sidecar from its start to Info's answer, Attach between",
    unit: "ms",
    ours,
    theirs: bare,
    against: "a runtime that starts and ends",
  };
}

async function benchMemory(place: Place): Promise<readonly Comparison[]> {
  const started = await Promise.all(Array.from({ length: SIDE_BY_SIDE }, (_, at) => place.sidecar(`side${at}`)));
  const idle = Array.from({ length: SIDE_BY_SIDE }, () => place.start(["-e", "setInterval(() => {}, 1e9)"]));
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const children = started.map(({ child }) => child);
  const of = (list: readonly ChildProcess[], file: "smaps_rollup" | "status", field: string): readonly number[] =>
    list.map(({ pid }) => memoryOf(pid, file, field));
  const against = "a runtime that does nothing";
  const rows: readonly Comparison[] = [
    {
      what: "sidecar's RSS",
      unit: "MB",
      ours: of(children, "status", "VmRSS"),
      theirs: of(idle, "status", "VmRSS"),
      against,
    },
    {
      what: `sidecar's PSS, ${SIDE_BY_SIDE} side by side`,
      unit: "MB",
      ours: of(children, "smaps_rollup", "Pss"),
      theirs: of(idle, "smaps_rollup", "Pss"),
      against,
    },
  ];
  for (const child of [...children, ...idle]) child.kill("SIGKILL");
  return rows;
}

export async function benchSidecar(): Promise<readonly Comparison[]> {
  using place = new Place();
  const rows = [
    await benchStart(place),
    ...(await benchMemory(place)),
    await benchLargeDomain(place),
    ...(await benchDialed(
      place.directory,
      (
        await place.sidecar("dialed")
      ).hook,
      [DOMAIN, domainWith(LARGE_DEVICES)],
      vmi,
    )),
  ];
  const { child, hook } = await place.sidecar("calls");
  const echo = await echoServer(place.directory);
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let round = 0; round < 3; round++) {
    ours.push(...(await callTimes(hook)));
    theirs.push(...(await callTimes(echo.socket)));
  }
  child.kill("SIGKILL");
  echo.close();
  const what = `OnDefineDomain of ${Math.round(DOMAIN.length / 1024)} KiB that is patched`;
  const against = "a hook that gives the bytes back, in the caller's process";
  return [
    ...rows,
    { what: `${what}, p50`, unit: "ms", ours, theirs, against },
    { what: `${what}, p99`, unit: "ms", ours: [percentile(ours, 0.99)], theirs: [percentile(theirs, 0.99)], against },
  ];
}
