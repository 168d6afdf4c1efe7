import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect as connectSession } from "node:http2";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { credentials, loadPackageDefinition } from "@grpc/grpc-js";
import { load } from "@grpc/proto-loader";
import type { Plan } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import masquerade from "@netbind/plugin-masquerade";
import {
  attachSidecar,
  connectHooks,
  connectSidecar,
  encodeAttach,
  MESSAGE_LIMIT,
  SEAL_FILE,
  sealOf,
  type SidecarLocation,
} from "@netbind/remote/sidecar";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SIDECAR_START } from "../../support/kube/sidecar-start.ts";

const BUNDLE = fileURLToPath(new URL("../../../sidecars/dist/masquerade.mjs", import.meta.url));
const PROTOS = fileURLToPath(new URL("../../../proto/defs", import.meta.url));
const UNPRIVILEGED = [
  "--reuid",
  "107",
  "--regid",
  "107",
  "--clear-groups",
  "--bounding-set=-all",
  "--inh-caps=-all",
  "--no-new-privs",
];

let directory: string;
let sidecar: ChildProcess | undefined;
const hooks = (): string => join(directory, "hooks");
const place = (): SidecarLocation => ({ base: directory, components: ["hooks"], uid: 107 });
const attachSocket = (): string => join(hooks(), "netbind/attach.sock");
const hookSocket = (): string => join(hooks(), "masquerade-hook-sidecar-0.sock");

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-gate-"));
  chmodSync(directory, 0o755);
  mkdirSync(hooks(), { mode: 0o700 });
  chownSync(hooks(), 107, 107);
  copyFileSync(BUNDLE, join(directory, "sidecar.mjs"));
  // The checkout's own runtime may stand where the sidecar's user may not go.
  copyFileSync(process.execPath, join(directory, "node"));
});
afterEach(async () => {
  await end("SIGKILL");
  rmSync(directory, { recursive: true });
});

async function appears(path: string): Promise<boolean> {
  for (let waited = 0; waited < 10_000 && !existsSync(path); waited += 20)
    await new Promise((resolve) => setTimeout(resolve, 20));
  return existsSync(path);
}

async function start(): Promise<void> {
  const env = { ...SIDECAR_START.environment, NETBIND_HOOKS_DIR: hooks(), CONTAINER_NAME: "hook-sidecar-0" };
  const argv = [join(directory, "node"), ...SIDECAR_START.options, join(directory, "sidecar.mjs"), "sidecar"];
  sidecar = spawn("setpriv", [...UNPRIVILEGED, ...argv], { env, stdio: "ignore" });
  expect(await appears(attachSocket())).toBe(true);
}

function end(signal?: NodeJS.Signals): Promise<number | null> {
  const child = sidecar;
  sidecar = undefined;
  if (child === undefined || child.exitCode !== null) return Promise.resolve(child?.exitCode ?? null);
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  if (signal !== undefined) child.kill(signal);
  return ended;
}

async function attach(change: Partial<Plan> = {}): Promise<void> {
  const attachment = anAttachment();
  const plan = { ...masquerade.plan(attachment), ...change };
  await attachSidecar(place(), { namespace: "default", name: "vm", uid: "u", nics: [{ attachment, plan }] });
}

test("the hook socket appears with Attach and not before, and again after a restart", async () => {
  await start();
  const status = readFileSync(`/proc/${sidecar?.pid}/status`, "utf8");
  expect(status).toMatch(/^Uid:\t107\t107\t107\t107$/m);
  expect(status).toMatch(/^CapEff:\t0+$/m);
  expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(existsSync(hookSocket())).toBe(false);
  await attach();
  expect(existsSync(hookSocket())).toBe(true);
  await attach();
  await end("SIGKILL");
  // What a killed process leaves answers nobody: the sockets of the new one take its place.
  for (const stale of [attachSocket(), hookSocket()]) rmSync(stale);
  await start();
  expect(await appears(hookSocket())).toBe(true);
  const client = connectHooks(hookSocket());
  expect(await client.info()).toMatchObject({ versions: ["v1alpha3", "v1alpha2", "v1alpha1"] });
  client.close();
});

test("a gate that could not open at one Attach opens at the next", async () => {
  await start();
  mkdirSync(join(hookSocket(), "in-the-way"), { recursive: true });
  await expect(attach()).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringContaining("the hook socket cannot be made"),
  });
  rmSync(hookSocket(), { recursive: true });
  await attach();
  const client = connectHooks(hookSocket());
  expect(await client.info()).toMatchObject({ name: "masquerade" });
  client.close();
});

test("hooks answer as KubeVirt asks: the same bytes, cloud-init's data left alone, Shutdown ends it", async () => {
  await start();
  await attach();
  const client = connectHooks(hookSocket());
  expect((await client.info()).hookPoints.map(({ name }) => name).sort()).toEqual(["OnDefineDomain", "Shutdown"]);
  const odd = Buffer.from([0xff, 0xfe, 0x3c, 0x0d, 0x0a]);
  for (const version of ["v1alpha1", "v1alpha2", "v1alpha3"] as const)
    expect(Buffer.from(await client.onDefineDomain(version, odd, Buffer.from("{}"))).equals(odd)).toBe(true);
  const data = { cloudInitData: Buffer.from("{}"), cloudInitNoCloudSource: Buffer.from("{}") };
  for (const version of ["v1alpha2", "v1alpha3"] as const)
    await expect(client.preCloudInitIso(version, data, Buffer.from("{}"))).rejects.toMatchObject({
      code: "HOOK_UNSUPPORTED",
    });
  const ended = end();
  await client.shutdown("v1alpha3");
  expect(await ended).toBe(0);
  expect(existsSync(hookSocket())).toBe(false);
  client.close();
});

const DEVICE = "<hostdev mode='subsystem' type='usb'><alias name='ua-x'/></hostdev>\n";
const domainWith = (devices: number): Buffer =>
  Buffer.from(`<domain><devices>\n${DEVICE.repeat(devices)}</devices></domain>`);

test("a domain as large as hooks take is patched: the runtime is started with memory enough for it", async () => {
  await start();
  await attach({ domain: { kind: "passt", forward: [] } });
  const count = Math.floor((MESSAGE_LIMIT - 4096) / DEVICE.length);
  const client = connectHooks(hookSocket());
  const patched = Buffer.from(await client.onDefineDomain("v1alpha3", domainWith(count), Buffer.from("{}"))).toString(
    "utf8",
  );
  expect(patched).toContain("<interface type='vhostuser'>");
  expect(patched.split(DEVICE)).toHaveLength(count + 1);
  client.close();
});

test("a client that knows only the protos speaks to it", async () => {
  await start();
  await attach();
  const loaded = loadPackageDefinition(
    await load("kubevirt/hooks/info/info.proto", { includeDirs: [PROTOS] }),
  ) as unknown as {
    kubevirt: {
      hooks: {
        info: {
          Info: new (
            ...args: unknown[]
          ) => { Info(request: object, done: (error: unknown, answer: { name: string }) => void): void; close(): void };
        };
      };
    };
  };
  const client = new loaded.kubevirt.hooks.info.Info(`unix:${hookSocket()}`, credentials.createInsecure(), {
    "grpc.default_authority": "localhost",
  });
  const answer = await new Promise<{ name: string }>((resolve, reject) =>
    client.Info({}, (error, result) => (error ? reject(error) : resolve(result))),
  );
  expect(answer.name).toBe("masquerade");
  client.close();
});

test("SIGTERM lets what was asked before be answered, and ends it then", async () => {
  await start();
  await attach({ domain: { kind: "passt", forward: [] } });
  const client = connectHooks(hookSocket());
  await client.info();
  const process = sidecar;
  // It stands still while it is asked: the question and the signal are there when it goes on.
  process?.kill("SIGSTOP");
  const calls = Array.from({ length: 3 }, () => client.onDefineDomain("v1alpha3", domainWith(1000), Buffer.from("{}")));
  await new Promise((resolve) => setTimeout(resolve, 200));
  const ended = end("SIGTERM");
  process?.kill("SIGCONT");
  for (const patched of await Promise.all(calls))
    expect(Buffer.from(patched).toString("utf8")).toContain("<interface type='vhostuser'>");
  expect(await ended).toBe(0);
  client.close();
});

test("SIGTERM ends it though a caller never ends its question", async () => {
  await start();
  await attach();
  const session = connectSession("http://localhost", { createConnection: () => connect(hookSocket()) });
  session.on("error", () => undefined);
  const question = session.request({
    ":method": "POST",
    ":path": "/kubevirt.hooks.info.Info/Info",
    "content-type": "application/grpc",
    te: "trailers",
  });
  question.on("error", () => undefined);
  await new Promise((resolve) => session.once("remoteSettings", resolve));
  await new Promise((resolve) => question.write(Buffer.alloc(1), resolve));
  expect(await end("SIGTERM")).toBe(0);
  session.destroy();
});

test("SIGTERM ends it cleanly; a damaged store keeps the gate shut", async () => {
  await start();
  await attach();
  expect(await end("SIGTERM")).toBe(0);
  expect(existsSync(attachSocket())).toBe(false);
  writeFileSync(join(hooks(), "netbind/attach.sealed"), "{");
  await start();
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(existsSync(hookSocket())).toBe(false);
});

test("an Attach without a seal of uid 0 over this very request is refused, and nothing is kept of it", async () => {
  await start();
  const attachment = anAttachment();
  const bytes = encodeAttach({
    namespace: "default",
    name: "vm",
    uid: "u",
    nics: [{ attachment, plan: masquerade.plan(attachment) }],
  });
  const seal = join(hooks(), "netbind", SEAL_FILE);
  const refused = async (why: string): Promise<void> => {
    const client = connectSidecar(attachSocket());
    await expect(client.attach(bytes)).rejects.toMatchObject({
      code: "ATTACH_UNSEALED",
      message: expect.stringContaining(why),
    });
    client.close();
  };
  await refused("ENOENT");
  // What the compute container can make itself: the right words, by the wrong user.
  writeFileSync(seal, sealOf(bytes), { mode: 0o444 });
  chownSync(seal, 107, 107);
  await refused("by 107");
  rmSync(seal);
  writeFileSync(seal, sealOf(Buffer.from("another request")), { mode: 0o444 });
  await refused("another request");
  rmSync(seal);
  writeFileSync(join(directory, "elsewhere"), sealOf(bytes), { mode: 0o444 });
  symlinkSync(join(directory, "elsewhere"), seal);
  await refused("ELOOP");
  rmSync(seal);
  writeFileSync(seal, sealOf(bytes));
  chmodSync(seal, 0o666);
  await refused("by 0");
  expect(existsSync(hookSocket())).toBe(false);
  expect(existsSync(join(hooks(), "netbind/attach.sealed"))).toBe(false);
  rmSync(seal);
  await attach();
  expect(existsSync(hookSocket())).toBe(true);
});

test("a sidecar that nobody attaches says so, again and again, until somebody does", async () => {
  const script = fileURLToPath(new URL("../../support/kube/impatient-sidecar.ts", import.meta.url));
  const child = spawn(process.execPath, ["--conditions=@netbind/source", script, hooks()], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let printed = "";
  child.stderr.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  sidecar = child;
  expect(await appears(attachSocket())).toBe(true);
  const times = (): number => printed.split("AGENT_MISSING").length - 1;
  for (let waited = 0; waited < 5000 && times() < 2; waited += 20)
    await new Promise((resolve) => setTimeout(resolve, 20));
  expect(times()).toBeGreaterThanOrEqual(2);
  await attachSidecar({ ...place(), uid: 0 }, { namespace: "default", name: "vm", uid: "u", nics: [] });
  const before = times();
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(times()).toBe(before);
});
