/** A way from a cluster's API server to a server of a test. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ClusterDirectory } from "./cluster-directory.ts";

const MAIN = fileURLToPath(new URL("./inward-main.ts", import.meta.url));

/** A port of the loopback that the API server has, which leads to a port of the test's. */
export interface Inward extends AsyncDisposable {
  readonly port: number;
}

function passOn(path: string, port: number): Server {
  return createServer((client) => {
    const server = connect(port, "127.0.0.1");
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on("error", () => to.destroy());
      from.on("close", () => to.destroy());
      from.pipe(to);
    }
  }).listen(path);
}

/** Opens a way to a port of the test's own loopback. */
export async function openInward(cluster: ClusterDirectory, port: number): Promise<Inward> {
  const pid = cluster.running()?.controlPlane.first.pid;
  if (pid === undefined) throw new Error(`the cluster "${cluster.name}" is not up`);
  const directory = mkdtempSync(join(tmpdir(), "netbind-inward-"));
  const socket = join(directory, "sock");
  const server = passOn(socket, port);
  const inside = ["nsenter", `--net=/proc/${pid}/ns/net`, process.execPath, MAIN, socket];
  const child = spawn(inside[0] ?? "", inside.slice(1), { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const [inner] = (await once(child, "message")) as [number];
  const close = async (): Promise<void> => {
    const ended = once(child, "exit");
    child.disconnect();
    await ended;
    server.close();
    rmSync(directory, { recursive: true });
  };
  return { port: inner, [Symbol.asyncDispose]: close };
}
