/** The controller notices within a second that a third-party binding's process begins or ceases to answer. */
import { mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { defineBinding, type Migration } from "@netbind/contract";
import { PlannerSockets } from "@netbind/controller";
import { waitUntil } from "@netbind/netns";
import { addBinding, listenUnix, makeServer } from "@netbind/remote/sidecar";
import { ServerCredentials } from "@grpc/grpc-js";
import { afterEach, beforeEach, expect, test } from "vitest";

/** Milliseconds. A slow machine takes longer than the second that is promised, and far less than a look at all. */
const WITHIN = 5000;

let directory: string;
let sockets: PlannerSockets;
let changes: number;
const undo: (() => void)[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-planners-"));
  sockets = new PlannerSockets(directory);
  changes = 0;
  sockets.onChange(() => changes++);
});
afterEach(() => {
  sockets[Symbol.dispose]();
  for (const step of undo.splice(0)) step();
  rmSync(directory, { recursive: true });
});

const serverOf = (migration: Migration): ReturnType<typeof makeServer> => {
  const server = makeServer();
  addBinding(
    server,
    defineBinding({
      ...{ name: "theirs", contract: "v1alpha1", migration },
      plan: () => ({ domain: { kind: "tap" } }),
    }),
  );
  undo.push(() => server.forceShutdown());
  return server;
};

/** Serves a binding as its process does. Gives what kills it: its socket stays then, since a server removes what it made. */
async function serve(migration: Migration = "none"): Promise<() => void> {
  const server = serverOf(migration);
  const made = join(directory, "made");
  mkdirSync(dirname(sockets.pathOf("theirs")), { recursive: true });
  await listenUnix(server, made);
  renameSync(made, sockets.pathOf("theirs"));
  return () => server.forceShutdown();
}

const described = async (): Promise<string> => {
  const answer = await sockets.describe("theirs").catch(({ code }: { code: string }) => code);
  return typeof answer === "object" ? answer.migration : (answer ?? "nothing");
};
/** Waits for another change than those that were seen. */
async function changed(): Promise<void> {
  expect(await waitUntil(() => changes > 0, WITHIN, 10)).toBe(true);
  changes = 0;
}

test("a process that begins to serve, is killed, and is started again, is noticed each time", async () => {
  expect(await described()).toBe("nothing");
  const kill = await serve();
  await changed();
  expect(await described()).toBe("none");
  kill();
  await changed();
  expect(await described()).toBe("UNAVAILABLE");
  await serve("supported");
  await changed();
  expect(await described()).toBe("supported");
});

test("a process in the place of one that answers is noticed, and asked what it is", async () => {
  await serve("none");
  expect(await described()).toBe("none");
  await serve("link-refresh");
  await changed();
  expect(await described()).toBe("link-refresh");
});

test("a process that answers only a while after its socket is there is noticed", async () => {
  const path = sockets.pathOf("theirs");
  mkdirSync(dirname(path), { recursive: true });
  const injector = serverOf("supported").createConnectionInjector(ServerCredentials.createInsecure());
  let isReady = false;
  const server: Server = createServer((socket) => (isReady ? injector.injectConnection(socket) : socket.destroy()));
  await once(server.listen(path), "listening");
  undo.push(() => server.close());
  expect(await described()).toBe("UNAVAILABLE");
  isReady = true;
  await changed();
  expect(await described()).toBe("supported");
});

test("where nothing changes, nothing is noticed; neither is what becomes of a binding that is forgotten", async () => {
  const kill = await serve();
  expect(await described()).toBe("none");
  await sleep(1000);
  expect(changes).toBe(0);
  sockets.retain(new Set(["others"]));
  kill();
  rmSync(sockets.pathOf("theirs"), { force: true });
  await sleep(1000);
  expect(changes).toBe(0);
});

test("a process that changes its socket all the time is reported a few times a second, and no more", async () => {
  expect(await described()).toBe("nothing");
  const until = performance.now() + 1000;
  while (performance.now() < until) {
    await serve();
    await sleep(20);
  }
  expect(changes).toBeGreaterThan(0);
  expect(changes).toBeLessThanOrEqual(6);
});
