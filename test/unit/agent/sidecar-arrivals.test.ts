/** A pod that waits for its sidecars is tried again when one gets further, and not more often, whatever its directory shows. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SidecarLocation } from "@netbind/remote/sidecar";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SidecarArrivals } from "../../../core/agent/src/pod/sidecar-arrivals.ts";

let base: string;
let called: string[];
let arrivals: SidecarArrivals;
const servers: Server[] = [];

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "netbind-arrivals-"));
  called = [];
  arrivals = new SidecarArrivals((pod) => called.push(pod));
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  rmSync(base, { recursive: true });
});

const sidecar = (name: string): SidecarLocation => ({
  ...{ base, components: [name], uid: process.getuid?.() ?? 0 },
});
const start = (name: string): string | undefined => mkdirSync(join(base, name, "netbind"), { recursive: true });
async function serve(name: string): Promise<void> {
  const server = createServer().listen(join(base, name, "netbind", "attach.sock"));
  servers.push(server);
  await once(server, "listening");
}
/** What is called for while it looks so many times. */
function look(times = 1): readonly string[] {
  for (let left = times; left > 0; left -= 1) arrivals.look();
  return called.splice(0);
}

test("a pod is called for when a sidecar has started, and when it can be attached: once each", async () => {
  arrivals.expect("one", [sidecar("a")]);
  expect(look(3)).toEqual([]);
  start("a");
  expect(look(3)).toEqual(["one"]);
  await serve("a");
  expect(look(3)).toEqual(["one"]);
});

test("each of its sidecars counts", () => {
  arrivals.expect("one", [sidecar("a"), sidecar("b")]);
  start("a");
  expect(look()).toEqual(["one"]);
  start("b");
  expect(look()).toEqual(["one"]);
});

test("what its directory loses and gets again does not count again", () => {
  arrivals.expect("one", [sidecar("a")]);
  for (let time = 0; time < 3; time += 1) {
    start("a");
    expect(look()).toEqual(time === 0 ? ["one"] : []);
    rmSync(join(base, "a"), { recursive: true });
    expect(look()).toEqual([]);
  }
});

test("only a socket of the pod's user shows that a sidecar can be attached", () => {
  arrivals.expect("one", [sidecar("a")]);
  start("a");
  expect(look()).toEqual(["one"]);
  writeFileSync(join(base, "a", "netbind", "attach.sock"), "");
  expect(look()).toEqual([]);
});

test("while it is worked on, nothing is looked at; a step that it makes meanwhile counts afterwards", () => {
  arrivals.expect("one", [sidecar("a")]);
  arrivals.pause("one");
  start("a");
  expect(look()).toEqual([]);
  arrivals.expect("one", [sidecar("a")]);
  expect(look()).toEqual(["one"]);
  arrivals.pause("one");
  arrivals.expect("one", [sidecar("a")]);
  expect(look()).toEqual([]);
});

test("a pod that is gone is forgotten", () => {
  arrivals.expect("one", [sidecar("a")]);
  arrivals.retain(new Set());
  start("a");
  expect(look()).toEqual([]);
});

test("of many pods some are looked at each time, and all in turn", () => {
  const pods = Array.from({ length: 60 }, (_, at) => `pod-${at}`);
  for (const pod of pods) {
    arrivals.expect(pod, [sidecar(pod)]);
    start(pod);
  }
  const first = look();
  expect(first.length).toBe(25);
  expect([...first, ...look(2)].toSorted()).toEqual(pods.toSorted());
});
