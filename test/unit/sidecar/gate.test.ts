import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { credentials, loadPackageDefinition } from "@grpc/grpc-js";
import { load } from "@grpc/proto-loader";
import masquerade from "@netbind/plugin-masquerade";
import { connectHooks, connectSidecar } from "@netbind/remote";
import { afterEach, beforeEach, expect, test } from "vitest";
import { anAttachment } from "../../support/attachment.ts";

const BUNDLE = fileURLToPath(new URL("../../../sidecars/dist/masquerade.mjs", import.meta.url));
const PROTOS = fileURLToPath(new URL("../../../proto/defs", import.meta.url));
const UNPRIVILEGED = ["--reuid", "107", "--regid", "107", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"];

let directory: string;
let sidecar: ChildProcess | undefined;
const hooks = (): string => join(directory, "hooks");
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
  for (let waited = 0; waited < 10_000 && !existsSync(path); waited += 20) await new Promise((resolve) => setTimeout(resolve, 20));
  return existsSync(path);
}

async function start(): Promise<void> {
  const env = { NETBIND_HOOKS_DIR: hooks(), CONTAINER_NAME: "hook-sidecar-0" };
  sidecar = spawn("setpriv", [...UNPRIVILEGED, join(directory, "node"), join(directory, "sidecar.mjs"), "sidecar"], {
    env,
    stdio: "ignore",
  });
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

async function attach(): Promise<void> {
  const attachment = anAttachment();
  const client = connectSidecar(attachSocket());
  await client.attach({ namespace: "default", name: "vm", uid: "u", nics: [{ attachment, plan: masquerade.plan(attachment) }] });
  client.close();
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

test("hooks answer as KubeVirt asks: the same bytes, cloud-init's data passed through, Shutdown ends it", async () => {
  await start();
  await attach();
  const client = connectHooks(hookSocket());
  expect((await client.info()).hookPoints.map(({ name }) => name).sort()).toEqual(["OnDefineDomain", "PreCloudInitIso", "Shutdown"]);
  const odd = Buffer.from([0xff, 0xfe, 0x3c, 0x0d, 0x0a]);
  for (const version of ["v1alpha1", "v1alpha2", "v1alpha3"] as const)
    expect(Buffer.from(await client.onDefineDomain(version, odd, Buffer.from("{}"))).equals(odd)).toBe(true);
  const data = Buffer.from('{"DataSource":"noCloud"}');
  expect(Buffer.from((await client.preCloudInitIso("v1alpha3", data, Buffer.from("{}"))) ?? []).equals(data)).toBe(true);
  const ended = end();
  await client.shutdown("v1alpha3");
  expect(await ended).toBe(0);
  expect(existsSync(hookSocket())).toBe(false);
  client.close();
});

test("a client that knows only the protos speaks to it", async () => {
  await start();
  await attach();
  const loaded = loadPackageDefinition(await load("kubevirt/hooks/info/info.proto", { includeDirs: [PROTOS] })) as unknown as {
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

test("SIGTERM ends it cleanly; a damaged store keeps the gate shut", async () => {
  await start();
  await attach();
  expect(await end("SIGTERM")).toBe(0);
  expect(existsSync(attachSocket())).toBe(false);
  writeFileSync(join(hooks(), "netbind/attach.json"), "{");
  await start();
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(existsSync(hookSocket())).toBe(false);
});
