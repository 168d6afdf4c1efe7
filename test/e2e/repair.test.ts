import { spawn } from "node:child_process";
import { findVm, netnsPath, type VmStatus } from "@netbind/local";
import { expect, test } from "vitest";
import { demoVmi } from "../demo/vmi.ts";
import { SOURCE } from "../support/guest/netbind.ts";
import { interrupt, kill, RUN, trace } from "../support/kill/kill.ts";
import { KillLab } from "../support/kill/kill-lab.ts";
import { EchoStream } from "../support/peers/stream.ts";

/** A guest that sends back what it gets on port 7. */
const ECHO = demoVmi({ name: "one", port: 7, nonce: "x" }).replace(/mkdir -p[\s\S]*/, "nc -ll -p 7 -e cat\n");

test("check shows what differs, apply repairs just that, and a guest's TCP connection outlives it", async () => {
  await using lab = await KillLab.make(ECHO);
  const started = await lab.run(["run", "-f", "-", "--keep", "-o", "json"]);
  expect(started.code, started.stderr).toBe(0);
  const pod = (JSON.parse(started.stdout) as VmStatus).nics[0]?.podAddresses[0] ?? "";
  using stream = new EchoStream(netnsPath(lab.state.nodeNetns), pod, 7);
  expect(await stream.echoes("before")).toBe(true);
  expect(await lab.run(["check"])).toMatchObject({ code: 0, stdout: "default/one: healthy\n" });

  await lab.breakNetwork();
  for (const role of ["sidecar", "dhcp4", "ipv6", "console"]) process.kill(lab.pidOf(role), "SIGKILL");
  const checked = await lab.run(["check", "-o", "json"]);
  expect(checked.code).toBe(1);
  const [{ problems = [] } = {}] = JSON.parse(checked.stdout) as { problems: string[] }[];
  for (const word of [
    "ip route replace 0.0.0.0/0",
    "ip addr add 10.0.2.1/24",
    "sysctl net.ipv4.ip_forward=1",
    "nftables table",
    "dhcp4",
    "ipv6",
    "sidecar",
    "console",
  ])
    expect(problems.join("\n")).toContain(word);
  expect(problems.length).toBe(8);

  const applied = await lab.run(["apply", "-o", "json"]);
  expect(applied.code, applied.stderr).toBe(0);
  expect(JSON.parse(applied.stdout)).toEqual([{ vm: "default/one", repaired: problems, problems: [] }]);
  expect(await stream.echoes("after")).toBe(true);
  expect(JSON.parse((await lab.run(["apply", "-o", "json"])).stdout)).toEqual([
    { vm: "default/one", repaired: [], problems: [] },
  ]);
  expect((await lab.run(["check"])).code).toBe(0);
});

test.each(["launcher", "qemu"])(
  "a VM whose %s died is over: apply does not start it again, gc removes it",
  async (role) => {
    await using lab = await KillLab.make();
    await lab.start();
    process.kill(lab.pidOf(role), "SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, 500));
    const applied = await lab.run(["apply"]);
    expect(applied.code).toBe(1);
    expect(applied.stdout).toContain("the VM has ended: its QEMU does not run (netbind gc removes it)");
    expect((await lab.run(["gc"])).stdout).toBe("removed: default/one\n");
    expect(await lab.leftovers()).toEqual([]);
  },
);

test("the command that started it is killed: the VM lives, healthy, and is stopped by another", async () => {
  await using lab = await KillLab.make();
  const env = { ...process.env, NETBIND_STATE_DIR: lab.directory };
  const cli = spawn(process.execPath, [...SOURCE, "run", "-f", "-", "--wait", "0"], { env, stdio: "pipe" });
  cli.stdin.end(demoVmi({ name: "one", port: 80, nonce: "x" }));
  let stdout = "";
  cli.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString("utf8");
  });
  for (let waited = 0; waited < 600 && !stdout.includes("runs"); waited++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  cli.kill("SIGKILL");
  await new Promise((resolve) => cli.once("close", resolve));
  expect((await lab.run(["check"])).stdout).toBe("default/one: healthy\n");
  expect(findVm(lab.state, "one").phase).toBe("running");
  expect((await lab.run(["gc"])).stdout).toBe("nothing to remove\n");
  expect((await lab.run(["stop", "--force", "one"])).code).toBe(0);
  expect(await lab.leftovers()).toEqual([]);
});

/** One point of each kind of step: the slow tier kills at all of them. */
const KINDS = [
  /journal written/,
  /started sh -c .*ip netns add/,
  /started sh -c out=/,
  /started sh -c .*apply/,
  /ended sh -c .*apply/,
  /started prlimit/,
  /started mount -t tmpfs/,
  /ended mount -t tmpfs/,
  /started console reader/,
];

test("run killed at a point of each kind of step: a healthy VM or nothing at all; interrupted: nothing", async () => {
  await using lab = await KillLab.make();
  const points = await trace(lab, RUN);
  expect(points.length).toBeGreaterThanOrEqual(25);
  for (const kind of KINDS) {
    const at = points.findLastIndex((point) => kind.test(point));
    expect(at, String(kind)).toBeGreaterThanOrEqual(0);
    await kill(lab, RUN, at + 1);
  }
  // By a signal that it hears: the slow tier interrupts it at all of them.
  for (const kind of [/started sh -c out=/, /ended sh -c .*apply/])
    await interrupt(lab, RUN, points.findLastIndex((point) => kind.test(point)) + 1, "SIGINT");
});
