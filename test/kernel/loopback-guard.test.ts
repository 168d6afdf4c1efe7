/** Nobody behind a NIC reaches the loopback of its pod, or speaks as if he were there; what the pod says to its guest goes on. */
import { type ChildProcess, spawn } from "node:child_process";
import type { Attachment, Binding } from "@netbind/contract";
import bridge from "@netbind/plugin-bridge";
import masquerade from "@netbind/plugin-masquerade";
import { expect, test } from "vitest";
import { attachNic, plugGuest, sendLoopbackAway } from "../support/netns/attach-nic.ts";
import { TestNetns } from "../support/netns/netns.ts";

const NAMES = { pod: "eth0", tap: "tap0", bridge: "k6t-eth0", adopted: "eth0-nic" };
const MAC = "02:11:22:33:44:55";
const MTU = 1450;
const PORT = 15_000;

/** Servers of TCP and UDP at an address of a namespace: each answers with who asked. */
async function listen(netns: TestNetns, address: string): Promise<ChildProcess> {
  const script = `
    const address = ${JSON.stringify(address)};
    const tcp = require("node:net").createServer((s) => s.on("error", () => undefined).end("hello " + s.remoteAddress));
    const udp = require("node:dgram").createSocket(address.includes(":") ? "udp6" : "udp4");
    udp.on("message", (_, from) => udp.send("hello " + from.address, from.port, from.address));
    tcp.listen(${PORT}, address, () => udp.bind(${PORT}, address, () => process.stdout.write("ready")));`;
  const child = spawn("nsenter", [`--net=${netns.path}`, "--", process.execPath, "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve, reject) => {
    child.stdout?.once("data", resolve);
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}`)));
  });
  return child;
}

/** What a server says to somebody who connects; the error's code, or TIMEOUT, where he cannot. */
const askTcp = (from: TestNetns, address: string): Promise<string> =>
  from.exec([
    process.execPath,
    "-e",
    `const s = require("node:net").connect(${PORT}, ${JSON.stringify(address)}); const done = (t) => { process.stdout.write(t); process.exit(0); };
     s.on("data", (d) => done(String(d))).on("error", (e) => done(e.code)); setTimeout(() => done("TIMEOUT"), 1500);`,
  ]);

/** The same of a datagram, sent from an address of one's own where one is given. */
const askUdp = (from: TestNetns, address: string, source?: string): Promise<string> =>
  from.exec([
    process.execPath,
    "-e",
    `const s = require("node:dgram").createSocket(${JSON.stringify(address.includes(":") ? "udp6" : "udp4")});
     const done = (t) => { process.stdout.write(t); process.exit(0); };
     s.on("message", (d) => done(String(d))).on("error", (e) => done(e.code)); setTimeout(() => done("TIMEOUT"), 1500);
     s.bind(0, ${JSON.stringify(source ?? (address.includes(":") ? "::" : "0.0.0.0"))}, () => s.send("x", ${PORT}, ${JSON.stringify(address)}));`,
  ]);

interface Lab extends AsyncDisposable {
  readonly pod: TestNetns;
  readonly guest: TestNetns;
}

/** A pod with a NIC of a binding, a guest behind it, and what a pod inherits from a node with kube-proxy. */
async function lab(binding: Binding, nic: Partial<Attachment> = {}): Promise<Lab> {
  const [pod, outside, guest] = [await TestNetns.make(), await TestNetns.make(), await TestNetns.make()];
  await TestNetns.cable(outside, pod, ["v0", "eth0"], ["10.9.0.1/24", "10.9.0.2/24"], MTU);
  await pod.exec(["ip", "addr", "add", "fd09::2/64", "dev", "eth0", "nodad"]);
  await pod.exec(["ip", "route", "add", "default", "via", "10.9.0.1"]);
  await pod.exec(["sysctl", "-q", "-w", "net.ipv4.conf.all.route_localnet=1"]);
  await attachNic(pod, binding, { names: NAMES, mac: MAC, ...nic });
  await plugGuest(pod, guest, NAMES.bridge, MAC, MTU);
  return {
    pod,
    guest,
    [Symbol.asyncDispose]: async () => {
      for (const netns of [pod, outside, guest]) await netns[Symbol.asyncDispose]();
    },
  };
}

const removeGuard = (pod: TestNetns): Promise<string> =>
  pod.exec(["nft", "flush chain inet netbind_eth0 netbind_guard"]);

test("masquerade: a guest reaches no server on its pod's loopback, and speaks as none of its addresses", async () => {
  await using place = await lab(masquerade);
  const { pod, guest } = place;
  await guest.exec(["ip", "addr", "add", "10.0.2.2/24", "dev", "eth0"]);
  const servers = [await listen(pod, "127.0.0.1"), await listen(pod, "10.0.2.1"), await listen(guest, "10.0.2.2")];
  try {
    // What the pod says to its loopback reaches the guest, as before.
    expect(await askTcp(pod, "127.0.0.1")).toBe("hello 10.0.2.1");
    expect(await askUdp(pod, "127.0.0.1")).toBe("hello 10.0.2.1");
    await sendLoopbackAway(guest, "10.0.2.1");
    expect(await askTcp(guest, "127.0.0.1")).toBe("TIMEOUT");
    expect(await askUdp(guest, "127.0.0.1")).toBe("TIMEOUT");
    expect(await askUdp(guest, "127.1.2.3")).toBe("TIMEOUT");
    // From an address of the loopback, to what the pod serves its guest.
    await guest.exec(["ip", "addr", "add", "127.0.0.9/32", "dev", "eth0"]);
    const heard = async (): Promise<string> => {
      const before = await pod.exec(["nft", "list", "chain", "inet", "netbind_eth0", "netbind_guard"]);
      expect(await askUdp(guest, "10.0.2.1", "127.0.0.9")).toBe("TIMEOUT");
      const after = await pod.exec(["nft", "list", "chain", "inet", "netbind_eth0", "netbind_guard"]);
      return before === after ? "let in" : "dropped";
    };
    expect(await heard()).toBe("dropped");
    expect(await askUdp(guest, "10.0.2.1")).toBe("hello 10.0.2.2");
    // Without the guard the kernel lets all of it in: what is asked above can fail.
    await removeGuard(pod);
    expect(await askTcp(guest, "127.0.0.1")).toBe("hello 10.0.2.2");
    expect(await askUdp(guest, "127.0.0.1")).toBe("hello 10.0.2.2");
    expect(await heard()).toBe("let in");
  } finally {
    for (const server of servers) server.kill("SIGKILL");
  }
});

test("bridge: a pod that inherited route_localnet from its node is kept from its guest too", async () => {
  await using place = await lab(bridge);
  const { pod, guest } = place;
  await guest.exec(["ip", "addr", "add", "10.9.0.2/24", "dev", "eth0"]);
  const server = await listen(pod, "127.0.0.1");
  try {
    expect(await askTcp(pod, "127.0.0.1")).toBe("hello 127.0.0.1");
    await guest.exec(["ip", "route", "add", "169.254.75.10/32", "dev", "eth0"]);
    await sendLoopbackAway(guest, "169.254.75.10");
    expect(await askTcp(guest, "127.0.0.1")).toBe("TIMEOUT");
    expect(await askUdp(guest, "127.0.0.1")).toBe("TIMEOUT");
    // The placeholder has the guest's own address; from another one an answer finds its way back to the guest.
    await guest.exec(["ip", "addr", "add", "10.77.0.2/32", "dev", "eth0"]);
    await pod.exec(["ip", "route", "add", "10.77.0.2/32", "dev", NAMES.bridge]);
    await guest.exec([
      "ip",
      "route",
      "replace",
      "127.0.0.0/8",
      "via",
      "169.254.75.10",
      "dev",
      "eth0",
      "onlink",
      "src",
      "10.77.0.2",
    ]);
    expect(await askTcp(guest, "127.0.0.1")).toBe("TIMEOUT");
    await removeGuard(pod);
    expect(await askTcp(guest, "127.0.0.1")).toBe("hello 10.77.0.2");
  } finally {
    server.kill("SIGKILL");
  }
});

test("IPv6: ::1 of the pod is out of its guest's reach by the kernel's own rule", async () => {
  // Of a pod whose ports are listed the others stay its own.
  await using place = await lab(masquerade, { ports: [{ protocol: "TCP", port: 80 }] });
  const { pod, guest } = place;
  await guest.exec(["ip", "addr", "add", "fd10:0:2::2/120", "dev", "eth0", "nodad"]);
  const servers = [await listen(pod, "::1"), await listen(pod, "fd10:0:2::1")];
  try {
    expect(await askTcp(pod, "::1")).toBe("hello ::1");
    expect(await askUdp(guest, "fd10:0:2::1")).toBe("hello fd10:0:2::2");
    await guest.exec(["ip", "addr", "flush", "dev", "lo"]);
    await guest.exec(["ip", "-6", "route", "add", "::1/128", "via", "fd10:0:2::1", "dev", "eth0"]);
    expect(await askTcp(guest, "::1")).toBe("TIMEOUT");
    expect(await askUdp(guest, "::1")).toBe("TIMEOUT");
  } finally {
    for (const server of servers) server.kill("SIGKILL");
  }
});
