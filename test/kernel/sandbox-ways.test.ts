import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ServiceProcess, serviceProcesses } from "@netbind/engine";
import { endProcesses, inNetns, type ProcessId, exec } from "@netbind/netns";
import masquerade from "@netbind/plugin-masquerade";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WITH_COMPILED } from "../support/build/programs.ts";
import { attachNic, plugGuest } from "../support/netns/attach-nic.ts";
import { HostileNode, MASKED } from "../support/netns/hostile-node.ts";
import { TestNetns } from "../support/netns/netns.ts";
import type { ServicesRequest, ServicesStarted } from "../support/netns/start-services.ts";

const support = (name: string): string => fileURLToPath(new URL(`../support/${name}`, import.meta.url));
const NICS = {
  names: { pod: "eth0", tap: "tap0", bridge: "k6t-eth0", adopted: "eth0-nic" },
  mac: "02:11:22:33:44:55",
} as const;
const UID = 1_900_000_031;
const NET_ADMIN = 12;

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-kernel-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** The servers of a masquerade NIC, and a guest that asks them, in a pod's network. */
async function serve(
  node: HostileNode,
  pod: Pick<TestNetns, "path" | "exec" | "name">,
  asked: (started: ServicesStarted) => Promise<void>,
) {
  await using guest = await TestNetns.make();
  await pod.exec(["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "outer"]);
  await pod.exec(["ip", "addr", "add", "10.9.0.2/24", "dev", "eth0"]);
  await pod.exec(["ip", "addr", "add", "fd09::2/64", "dev", "eth0", "nodad"]);
  await pod.exec(["ip", "link", "set", "eth0", "up"]);
  const plan = await attachNic(pod as TestNetns, masquerade, NICS);
  await plugGuest(pod as TestNetns, guest, NICS.names.bridge, NICS.mac, 1500);
  const started = await start(node, pod.path, serviceProcesses(plan.services ?? []));
  try {
    await asked(started);
    await guest.exec(["ip", "route", "add", "255.255.255.255/32", "dev", "eth0"]);
    const answer = await guest.exec([process.execPath, support("peers/dhcp-client.ts"), NICS.mac]);
    expect(JSON.parse(answer)).toMatchObject({ address: "10.0.2.2" });
  } finally {
    await endProcesses(started.processes);
  }
}

async function start(node: HostileNode, netns: string, services: readonly ServiceProcess[]): Promise<ServicesStarted> {
  const request: ServicesRequest = { netns, directory, uid: UID, services };
  const program = [process.execPath, "--conditions=@netbind/source", support("netns/start-services.ts")];
  return JSON.parse(
    await node.exec(program, { stdin: JSON.stringify(request), env: WITH_COMPILED }),
  ) as ServicesStarted;
}

const statusOf = (one: ProcessId | undefined): string => readFileSync(`/proc/${one?.pid}/status`, "utf8");
/** A node's own network namespace as a pod's: only there its root has any rights. */
const networkOf = (node: HostileNode): Pick<TestNetns, "path" | "exec" | "name"> => ({
  path: node.netns,
  exec: inNetns(node.netns, exec),
  name: node.netns,
});

test("where a container's runtime and lxcfs have mounted over /proc, a guest gets its address; the sandbox is the same", async () => {
  // Made first: what is mounted later the node does not see.
  await using pod = await TestNetns.make();
  await using node = await HostileNode.make({ setUp: MASKED });
  await serve(node, pod, async ({ way, obstacles, processes, bareMounts }) => {
    expect([way, bareMounts]).toEqual(["fresh-proc", true]);
    expect(obstacles.join()).toMatch(
      /\/proc\/meminfo has tmpfs mounted over it.*\/proc\/sys has proc mounted over it.*procMount: Unmasked/,
    );
    const [, inner] = processes;
    expect(statusOf(inner)).toMatch(/^NoNewPrivs:\t1$/m);
    expect(statusOf(inner)).toMatch(new RegExp(`^Uid:\t${UID}\t`, "m"));
    expect(readFileSync(`/proc/${inner?.pid}/cmdline`, "utf8")).toContain("--disable-userns");
  });
});

test("where no user namespace can be made, a guest gets its address, and its server has one capability, over its pod alone", async () => {
  await using node = await HostileNode.make({ user: true, setUp: "sysctl -qw user.max_user_namespaces=0" });
  await serve(node, networkOf(node), async ({ way, obstacles, processes }) => {
    expect(way).toBe("no-user-namespace");
    expect(obstacles.join()).toContain("user.max_user_namespaces is 0: set it to a number above 0");
    const dhcp4 = statusOf(processes[1]);
    expect(dhcp4).toMatch(new RegExp(`^Uid:\t${UID}\t${UID}\t${UID}\t${UID}$`, "m"));
    const only = (1 << NET_ADMIN).toString(16).padStart(16, "0");
    for (const set of ["Prm", "Eff", "Bnd"]) expect(dhcp4).toMatch(new RegExp(`^Cap${set}:\t${only}$`, "m"));
    expect(dhcp4).toMatch(/^NoNewPrivs:\t1$/m);
  });
});

test("both at once: no user namespace, and mounts over /proc that its own root made", async () => {
  await using node = await HostileNode.make({
    user: true,
    setUp: `sysctl -qw user.max_user_namespaces=0 && ${MASKED}`,
  });
  // Its root may not bind its file system without what is mounted over that: the servers start among all mounts.
  await serve(node, networkOf(node), async ({ way, bareMounts }) =>
    expect([way, bareMounts]).toEqual(["no-user-namespace", false]),
  );
});

test("where nothing helps, the mount and the setting are named", async () => {
  await using outer = await HostileNode.make({ setUp: MASKED });
  // Its root may not touch what was mounted before it was there.
  await using node = await HostileNode.make({ user: true, setUp: "true", inside: outer });
  const service: ServiceProcess = {
    role: "dhcp4 lo",
    link: "lo",
    configuration: "port=0\n",
    socket: { family: 4, udpPort: 67 },
    privileged: false,
  };
  const failure = await start(node, node.netns, [service]).then(
    () => "it started",
    (error: Error) => error.message,
  );
  expect(failure).toContain("this machine permits no sandbox for services and sidecars");
  expect(failure).toContain("/proc/meminfo has tmpfs mounted over it");
  expect(failure).toContain("securityContext.procMount: Unmasked");
});

test("where no user namespace can be made no container is started, and what to change is said", async () => {
  const program = [process.execPath, "--conditions=@netbind/source", support("netns/start-container.ts"), directory];
  await using node = await HostileNode.make({ user: true, setUp: "sysctl -qw user.max_user_namespaces=0" });
  const said = await node.exec(program, { env: WITH_COMPILED });
  expect(said).toContain("SandboxError: this machine permits no user namespace, in which sidecars run from images");
  expect(said).toContain("user.max_user_namespaces is 0: set it to a number above 0");
});
