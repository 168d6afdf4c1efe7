/**
 * OnDefineDomain as virt-launcher calls it, each time over a new connection, and where its time goes: beside the sidecar, servers
 * that do less and less.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Vmi } from "@netbind/kubevirt";
import { exec, waitUntil } from "@netbind/netns";
import { buildGoTool } from "../support/build/go-tools.ts";
import { SIDECAR_START } from "../support/kube/sidecar-start.ts";
import type { Comparison } from "./report.ts";

const CALLS = 500;
const ROUNDS = 3;

/** Something that serves hooks. */
interface HookServer {
  readonly hook: string;
  readonly child?: ChildProcess;
}

async function startServer(hook: string, [file = "", ...args]: readonly string[]): Promise<HookServer> {
  const child = spawn(file, [...args, hook], {
    stdio: "inherit",
    env: { ...process.env, ...SIDECAR_START.environment },
  });
  await waitUntil(() => existsSync(hook), 20_000, 1);
  return { child, hook };
}

const inNode = (name: string): readonly string[] => [
  process.execPath,
  ...SIDECAR_START.options,
  "--conditions=@netbind/source",
  fileURLToPath(new URL(`servers/${name}.ts`, import.meta.url)),
];

/** Other servers, in a directory. */
async function startOthers(directory: string) {
  const start = (name: string, argv: readonly string[]): Promise<HookServer> =>
    startServer(join(directory, `${name}.sock`), argv);
  return {
    // A Go sidecar, as its ecosystem writes one (test/go/hook-server).
    go: await start("go", [buildGoTool("hook-server")]),
    goEcho: await start("go-echo", [buildGoTool("hook-server"), "-echo"]),
    grpc: await start("grpc", inNode("grpc-server")),
    http2: await start("http2", inNode("http2-server")),
    frames: await start("frames", inNode("frames-server")),
  };
}

/** The times of calls by virt-launcher's gRPC library, each over a connection of its own. */
async function dialedTimes(hook: string, domainXML: string, vmi: Vmi): Promise<readonly number[]> {
  const argv = [buildGoTool("hook-client"), "-socket", hook, "-calls", String(CALLS)];
  const printed = await exec(argv, { stdin: JSON.stringify({ domainXML, vmi }) });
  return (JSON.parse(printed) as { readonly milliseconds: readonly number[] }).milliseconds;
}

/** The times of each server's calls, measured by turns. */
async function timesOf<Name extends string>(
  servers: Readonly<Record<Name, HookServer>>,
  domainXML: string,
  vmi: Vmi,
): Promise<Readonly<Record<Name, readonly number[]>>> {
  const names = Object.keys(servers) as Name[];
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = 0; round <= ROUNDS; round++)
    for (const name of names) {
      const one = await dialedTimes(servers[name].hook, domainXML, vmi);
      // The first calls warm both ends up.
      if (round > 0) times[name].push(...one);
    }
  return times;
}

/** Calls of a sidecar that listens on `hook`, against a Go sidecar, for domains of several sizes. */
export async function benchDialed(
  directory: string,
  hook: string,
  domains: readonly Buffer[],
  vmi: Vmi,
): Promise<readonly Comparison[]> {
  const others = await startOthers(directory);
  const rows: Comparison[] = [];
  for (const domain of domains) {
    const times = await timesOf({ ours: { hook }, ...others }, domain.toString("utf8"), vmi);
    const size = `${Math.round(domain.length / 1024)} KiB, a new connection`;
    const row = { unit: "ms", theirs: times.go, against: "a Go sidecar (encoding/xml)" } as const;
    rows.push(
      { ...row, what: `OnDefineDomain of ${size}`, ours: times.ours, goal: { ratio: 0.5, better: "smaller" } },
      { ...row, what: `the sidecar's gRPC server that gives back ${size}`, ours: times.grpc },
      { ...row, what: `node:http2 that gives back ${size}`, ours: times.http2 },
      { ...row, what: `node:net with frames that are ready, which gives back ${size}`, ours: times.frames },
      { ...row, what: `Go's gRPC server that gives back ${size}`, ours: times.goEcho },
    );
  }
  for (const { child } of Object.values(others)) child?.kill("SIGKILL");
  return rows;
}
