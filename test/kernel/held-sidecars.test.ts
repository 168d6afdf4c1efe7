/** A binding's image, run as a container runtime runs it: its runtime comes and goes, and its first process stays until its end. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { anAttachment } from "@netbind/contract/testing";
import type { Vmi } from "@netbind/kubevirt";
import { buildBaseDomain } from "@netbind/local";
import { exec, waitUntil } from "@netbind/netns";
import passt from "@netbind/plugin-passt";
import { hooksV1alpha3 } from "@netbind/proto";
import { connectHooks, encodeAttach, type HooksClient } from "@netbind/remote/sidecar";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { buildGoTool } from "../support/build/go-tools.ts";
import { BuiltImages } from "../support/kube/built-images.ts";
import { type HookEvent, LAUNCHER_FAULTS } from "../support/kube/hook-pod.ts";
import { ImageContainer, rightsOf } from "../support/kube/image-container.ts";

const DOMAIN = Buffer.from("<domain><devices></devices></domain>");
const vmi = {
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachineInstance",
  metadata: { namespace: "default", name: "vm" },
  spec: { domain: { devices: { interfaces: [{ name: "red" }] } }, networks: [{ name: "red", pod: {} }] },
} as unknown as Vmi;
const VMI = Buffer.from(JSON.stringify(vmi));
/** Milliseconds that the contract gives an end. */
const END = 1000;
/** This machine may be slow. */
const TIMEOUT_SCALE = 20;

const directory = mkdtempSync(join(tmpdir(), "netbind-held-"));
let images: BuiltImages;
/** What a build that failed did not make is not removed. */
const made = new DisposableStack();
let sidecar: ImageContainer;
/** The container's first process. */
let first: number;

beforeAll(async () => {
  images = made.use(await BuiltImages.build(["passt"], join(directory, "images")));
}, 900_000);
afterAll(async () => {
  for (const one of [left, hanging, slow]) await one?.sidecar[Symbol.asyncDispose]();
  made.dispose();
  rmSync(directory, { recursive: true });
});
beforeEach(async () => {
  sidecar = await ImageContainer.start(await images.unpack("passt", "amd64"), { binding: "passt" });
  first = await sidecar.pid();
});
afterEach(async () => {
  await sidecar[Symbol.asyncDispose]();
});

const attachment = anAttachment();
const nics = [{ attachment, plan: passt.plan(attachment) }] as const;
const attach = (): Promise<void> => sidecar.attach(nics);
const socket = (of = sidecar): string => of.hookSocket("passt");

/** Asks over a new connection, as KubeVirt's launcher does. */
async function ask<T>(question: (hooks: HooksClient) => Promise<T>, of = sidecar): Promise<T> {
  const hooks = connectHooks(socket(of), TIMEOUT_SCALE);
  try {
    return await question(hooks);
  } finally {
    hooks.close();
  }
}
const define = async (hooks: HooksClient): Promise<string> =>
  Buffer.from(await hooks.onDefineDomain("v1alpha3", DOMAIN, VMI)).toString("utf8");
const PATCHED = expect.stringContaining("<interface type='vhostuser'>");

/** The runtime, once there is one. */
async function runtime(of = sidecar): Promise<number> {
  expect(await waitUntil(async () => (await of.runtimes()).length > 0, 20_000, 1)).toBe(true);
  const [pid = 0] = await of.runtimes();
  return pid;
}
const isIdle = async (of = sidecar): Promise<boolean> => (await of.runtimes()).length === 0;
/** Ends the runtime as a crash or a lack of memory does. */
async function crash(): Promise<void> {
  const pid = await runtime();
  process.kill(pid, "SIGKILL");
  expect(await waitUntil(async () => !(await sidecar.runtimes()).includes(pid), 5000)).toBe(true);
}
const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 300));
/** How the container ends of something, within a second. */
async function endsOf(action: () => unknown, of = sidecar): Promise<number | null> {
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(`it is still there after ${END} ms`)), END).unref();
  });
  action();
  return Promise.race([of.ended(), late]);
}
const terminate = (): boolean => process.kill(first, "SIGTERM");

test("the first process and all others are user 107's, without a capability, on a root that they cannot write", async () => {
  await runtime();
  await attach();
  const pids = await sidecar.processes();
  const names = pids.map((pid) => readFileSync(`/proc/${pid}/comm`, "utf8"));
  expect(names).toEqual(["timeout\n", "flock\n", "inetd\n", "MainThread\n"]);
  for (const pid of pids) {
    const rights = rightsOf(pid);
    expect(rights).toMatch(/^Uid:\t107\t107\t107\t107$/m);
    expect(rights).toMatch(/^Gid:\t107\t107\t107\t107$/m);
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
      expect(rights).toMatch(new RegExp(`^${set}:\t0+$`, "m"));
    expect(rights).toMatch(/^NoNewPrivs:\t1$/m);
    const mounts = readFileSync(`/proc/${pid}/mountinfo`, "utf8").split("\n");
    expect(mounts.find((line) => line.split(" ")[4] === "/")?.split(" ")[5]).toMatch(/^ro(,|$)/);
  }
});

/** A sidecar that is not called while the other tests run: it takes a minute until its runtime ends. */
let left: {
  readonly sidecar: ImageContainer;
  readonly first: number;
  readonly runtime: number;
  /** Its runtimes a little before the minute is over. */
  readonly late: Promise<readonly number[]>;
};

/** A sidecar whose runtime hangs when SIGTERM comes, and how it ends: its exit code, and after how many seconds. */
let hanging: { readonly sidecar: ImageContainer; readonly ended: Promise<readonly [number | null, number]> };

test("SIGTERM does not end a sidecar at once whose runtime hangs", async () => {
  const of = await ImageContainer.start(await images.unpack("passt", "amd64"), { binding: "passt" });
  const held = await of.pid();
  await of.attach(nics);
  process.kill(await runtime(of), "SIGSTOP");
  process.kill(held, "SIGTERM");
  const start = performance.now();
  const ended = of.ended().then((code) => [code, Math.round((performance.now() - start) / 1000)] as const);
  hanging = { sidecar: of, ended };
  await new Promise((resolve) => setTimeout(resolve, END));
  expect(existsSync(`/proc/${held}`)).toBe(true);
});

test("a VM's life of calls, to be left alone for a minute: the runtime that waited for the agent answers the first ones", async () => {
  const of = await ImageContainer.start(await images.unpack("passt", "amd64"), { binding: "passt" });
  // The runtime waits for the agent, however long that takes, and says so in the container's log.
  const waiting = await runtime(of);
  expect(existsSync(socket(of))).toBe(false);
  await of.attach(nics);
  expect(await ask((hooks) => hooks.info(), of)).toMatchObject({ name: "passt" });
  for (let at = 0; at < 3; at++) expect(await ask(define, of)).toEqual(PATCHED);
  expect(await runtime(of)).toBe(waiting);
  const late = new Promise((resolve) => setTimeout(resolve, 50_000)).then(() => of.runtimes());
  left = { sidecar: of, first: await of.pid(), runtime: waiting, late };
});

/** A sidecar that is called while the other tests run, for longer than a runtime stays without a call. */
let slow: {
  readonly sidecar: ImageContainer;
  readonly runtime: number;
  readonly call: SlowCall;
  readonly longer: Promise<unknown>;
};

test("a call begins that will take longer than a minute: its runtime has taken it", async () => {
  const of = await ImageContainer.start(await images.unpack("passt", "amd64"), { binding: "passt" });
  await of.attach(nics);
  const pid = await runtime(of);
  const call = new SlowCall(of);
  slow = { sidecar: of, runtime: pid, call, longer: new Promise((resolve) => setTimeout(resolve, 62_000)) };
  await soon();
  expect(await of.runtimes()).toEqual([pid]);
});

test("virt-launcher's own client, which dials for two seconds at most, is answered though no runtime is there when it comes", async () => {
  const program = buildGoTool("hook-client");
  await attach();
  await crash();
  expect(await isIdle()).toBe(true);
  const domainXML = buildBaseDomain({ vmi, accelerator: "tcg", disks: [] });
  const argv = [program, "-hooks", sidecar.podHooks, "-faults", LAUNCHER_FAULTS, "-shutdown"];
  const printed = await exec(argv, { stdin: JSON.stringify({ domainXML, vmi }) });
  const events = printed
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as HookEvent).event);
  // Where the dial was too slow for it, it came again, and the runtime was there.
  expect(events.filter((event) => event !== "notReady")).toEqual([
    "collected",
    "complete",
    "defined",
    "defined",
    "defined",
    "shutdown",
  ]);
  expect(await sidecar.ended()).toBe(0);
}, 900_000);

test("a runtime that crashes between calls is replaced at the next one, and what was attached is still attached", async () => {
  await crash();
  await attach();
  await crash();
  expect(await ask((hooks) => hooks.info())).toMatchObject({ name: "passt" });
  await crash();
  expect(await ask(define)).toEqual(PATCHED);
  await crash();
  // Nothing is there that could answer Shutdown, until it is called.
  expect(existsSync(`/proc/${first}`)).toBe(true);
  await ask((hooks) => hooks.shutdown("v1alpha3"));
  await expect(endsOf(() => undefined)).resolves.toBe(0);
});

test("a call that a runtime crashes in fails, and later ones are answered; one that it had not taken yet is answered by the next", async () => {
  await attach();
  await ask(async (hooks) => {
    await hooks.info();
    process.kill(await runtime(), "SIGSTOP");
    const taken = expect(define(hooks)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await soon();
    await crash();
    await taken;
  });
  expect(await ask(define)).toEqual(PATCHED);
  process.kill(await runtime(), "SIGSTOP");
  const untaken = ask(define);
  await soon();
  await crash();
  expect(await untaken).toEqual(PATCHED);
  expect(await sidecar.pid()).toBe(first);
});

test("SIGTERM ends it within a second while its runtime waits for calls", async () => {
  await attach();
  await expect(endsOf(terminate)).resolves.toBe(0);
});

test("SIGTERM ends it within a second while no runtime is there", async () => {
  await attach();
  await crash();
  expect(await isIdle()).toBe(true);
  await expect(endsOf(terminate)).resolves.toBe(0);
});

/** SIGTERM while the runtime is held up for longer than an idle one may take: the container stays for a call made before. */
async function terminateDuring(call: Promise<string>, pid: number): Promise<void> {
  await soon();
  terminate();
  await new Promise((resolve) => setTimeout(resolve, END));
  expect(existsSync(`/proc/${first}`)).toBe(true);
  process.kill(pid, "SIGCONT");
  expect(await call).toEqual(PATCHED);
  await expect(endsOf(() => undefined)).resolves.toBe(0);
}

test("a call that the runtime has taken when SIGTERM comes gets its answer, and then the container ends", async () => {
  await attach();
  await ask(async (hooks) => {
    await hooks.info();
    const pid = await runtime();
    process.kill(pid, "SIGSTOP");
    await terminateDuring(define(hooks), pid);
  });
});

test("a call that the runtime has not taken yet when SIGTERM comes gets its answer, and then the container ends", async () => {
  await attach();
  const pid = await runtime();
  process.kill(pid, "SIGSTOP");
  await terminateDuring(ask(define), pid);
});

test("a call that starts the runtime gets its answer, though SIGTERM comes before that runs", async () => {
  await attach();
  await crash();
  const call = ask(define);
  const pid = await runtime();
  process.kill(pid, "SIGSTOP");
  await terminateDuring(call, pid);
});

/** A call that is sent bit by bit, as one is by a caller that is throttled. */
class SlowCall implements Disposable {
  readonly #session: ClientHttp2Session;
  readonly #call: ClientHttp2Stream;
  readonly #rest: Buffer;

  constructor(of = sidecar) {
    this.#session = connect("http://localhost", { createConnection: () => connectSocket(socket(of)) });
    this.#call = this.#session
      .request({
        ":method": "POST",
        ":path": "/kubevirt.hooks.v1alpha3.Callbacks/OnDefineDomain",
        "content-type": "application/grpc",
        te: "trailers",
      })
      .on("error", () => undefined);
    const message = hooksV1alpha3.OnDefineDomainParams.encode({ domainXML: DOMAIN, vmi: VMI }).finish();
    const head = Buffer.alloc(5);
    head.writeUInt32BE(message.length, 1);
    this.#call.write(head);
    this.#rest = Buffer.from(message);
  }

  /** Sends the rest, and gives the answer's bytes. */
  async finish(): Promise<string> {
    this.#call.end(this.#rest);
    const chunks: Buffer[] = [];
    for await (const chunk of this.#call) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString("utf8");
  }

  /** As a gRPC client does at its deadline. */
  giveUp(): void {
    this.#call.close(constants.NGHTTP2_CANCEL);
  }

  [Symbol.dispose](): void {
    this.#session.destroy();
  }
}

test("a caller that sends its call slowly is waited for until it gives up, and no longer; others are refused meanwhile", async () => {
  await attach();
  using call = new SlowCall();
  await soon();
  terminate();
  await new Promise((resolve) => setTimeout(resolve, END));
  expect(existsSync(`/proc/${first}`)).toBe(true);
  expect(existsSync(socket())).toBe(false);
  await expect(ask(define)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  await expect(endsOf(() => call.giveUp())).resolves.toBe(0);
});

test("a runtime that comes back does not believe what others in the pod have written: its gate is shut until the agent attaches again", async () => {
  for (const written of [encodeAttach({ namespace: "default", name: "another", uid: "u", nics }), "{"]) {
    await attach();
    await crash();
    writeFileSync(join(sidecar.hooks, "netbind/attach.sealed"), written);
    await expect(ask(define)).rejects.toMatchObject({ code: "ATTACHMENT_MISSING" });
    expect(existsSync(socket())).toBe(false);
  }
  expect(sidecar.output).toContain("its seal is of another request");
  await attach();
  expect(await ask(define)).toEqual(PATCHED);
});

test("a call that takes longer than a runtime stays without one gets its answer; the next is another runtime's", async () => {
  const { sidecar: of, runtime: pid, longer } = slow;
  using call = slow.call;
  await longer;
  const next = ask(define, of);
  expect(await call.finish()).toEqual(PATCHED);
  expect(await next).toEqual(PATCHED);
  expect(await runtime(of)).not.toBe(pid);
}, 120_000);

test("a minute after the last call no runtime is there; the next call brings one; Shutdown ends it all", async () => {
  const { sidecar: of, runtime: waiting, late } = left;
  expect(await late).toEqual([waiting]);
  expect(await waitUntil(() => isIdle(of), 30_000)).toBe(true);
  // A hotplugged NIC, and then a migration.
  for (let call = 0; call < 2; call++) expect(await ask(define, of)).toEqual(PATCHED);
  expect(await runtime(of)).not.toBe(waiting);
  expect(await of.pid()).toBe(left.first);
  await expect(endsOf(() => ask((hooks) => hooks.shutdown("v1alpha3"), of), of)).resolves.toBe(0);
  expect(existsSync(socket(of))).toBe(false);
  expect(of.output).toContain('"msg":"attached"');
  expect(of.output).toContain('"why":"Shutdown"');
}, 180_000);

test("a runtime that hangs when SIGTERM comes was waited for as long as a call may take", async () => {
  const [code, seconds] = await hanging.ended;
  expect(code).toBe(137);
  expect(seconds).toBeGreaterThanOrEqual(59);
}, 120_000);
