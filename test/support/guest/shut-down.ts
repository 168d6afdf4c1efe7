import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findVm, type State } from "@netbind/local";
import { isAlive, waitUntil } from "@netbind/netns";
import { connectHooks, HeldDirectory } from "@netbind/remote/sidecar";
import { expect } from "vitest";
import { sidecarDirectory } from "../../../core/local/src/pod/sidecar-paths.ts";
import { writableDirectory } from "../../../core/local/src/pod/writable.ts";

/** Ends a running VM's sidecar as KubeVirt does, by its Shutdown hook: its process ends by itself, and its sockets are gone. */
export async function shutDown(state: State, vm: string, binding: string): Promise<void> {
  const record = findVm(state, vm);
  const { id, sidecars, processes, vmUid } = record;
  const container = sidecars?.[binding]?.container ?? expect.fail(`${vm} has no sidecar of ${binding}`);
  const directory = sidecarDirectory(writableDirectory(state, record), container);
  const sockets = (): readonly string[] =>
    ["", "netbind"].flatMap((name) => readdirSync(join(directory, name)).filter((file) => file.endsWith(".sock")));
  const hook = `${binding}-${container}.sock`;
  expect(sockets()).toEqual([hook, "attach.sock"]);
  // Its own path may be longer than the kernel lets a socket's be.
  using held = HeldDirectory.open(directory, []);
  using socket = held.socket(hook, vmUid ?? expect.fail(`${vm} has no user`));
  const client = connectHooks(socket.path);
  expect((await client.info()).versions).toContain("v1alpha3");
  await client.shutdown("v1alpha3");
  client.close();
  const own = processes.find(({ role }) => role === `sidecar ${binding}`)?.processes ?? [];
  expect(own.length).toBeGreaterThan(0);
  expect(await waitUntil(() => !own.some(isAlive), 10_000)).toBe(true);
  expect(sockets()).toEqual([]);
  const log = readFileSync(join(state.podDirectory(id), `${container}.log`), "utf8");
  expect(JSON.parse(log.trim().split("\n").at(-1) ?? "")).toMatchObject({ why: "Shutdown", msg: "stopping" });
}
