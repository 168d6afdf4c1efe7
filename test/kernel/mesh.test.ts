/** What a service mesh needs of masquerade, on the machine's kernel: a proxy in the pod takes what comes, and hands it on. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Port } from "@netbind/contract";
import masquerade from "@netbind/plugin-masquerade";
import { expect, test } from "vitest";
import { attachNic, plugGuest, sendLoopbackAway } from "../support/netns/attach-nic.ts";
import { TestNetns } from "../support/netns/netns.ts";

const NAMES = { pod: "eth0", tap: "tap0", bridge: "k6t-eth0", adopted: "eth0-nic" };
const MAC = "02:11:22:33:44:55";
const [POD, OUTSIDE] = ["10.9.0.2", "10.9.0.1"];

/** What Istio's own set-up does in a pod: inbound TCP to the proxy, but for ssh; what a VM's bridge sends out to it too. */
const MESH_RULES = `
table ip mesh {
  chain prerouting {
    type nat hook prerouting priority -100; policy accept;
    iifname "k6t-eth0" meta l4proto tcp redirect to :15001
    tcp dport 22 return
    meta l4proto tcp redirect to :15006
  }
}
`;

async function start(netns: TestNetns, program: string, ...args: readonly string[]): Promise<ChildProcess> {
  const file = fileURLToPath(new URL(`../support/peers/${program}.ts`, import.meta.url));
  const child = spawn("nsenter", [`--net=${netns.path}`, "--", process.execPath, file, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve, reject) => {
    child.stdout?.once("data", resolve);
    child.once("exit", (code) => reject(new Error(`${program} ended with ${code}`)));
  });
  return child;
}

/** What is said to somebody who connects: the error's code where he cannot. */
const connect = (from: TestNetns, address: string, port: number): Promise<string> =>
  from.exec([
    process.execPath,
    "-e",
    `const s = require("node:net").connect(${port}, "${address}"); const done = (t) => { process.stdout.write(t); process.exit(0); };
     s.on("data", (d) => done(String(d))).on("error", (e) => done(e.code)).on("close", () => done("closed")); setTimeout(() => done("TIMEOUT"), 2000);`,
  ]);

test.each([
  { name: "no port listed", ports: [] as readonly Port[] },
  { name: "two ports listed", ports: [8080, 22].map((port): Port => ({ protocol: "TCP", port })) },
])(
  "in a mesh, $name: the proxy hands on what comes, keeps what is its own, and gets what goes out; ssh goes past it",
  async ({ ports }) => {
    await using pod = await TestNetns.make();
    await using outside = await TestNetns.make();
    await using guest = await TestNetns.make();
    await TestNetns.cable(outside, pod, ["v0", "eth0"], [`${OUTSIDE}/24`, `${POD}/24`], 1450);
    await pod.exec(["ip", "route", "add", "default", "via", OUTSIDE]);
    await pod.exec(["nft", "-f", "-"], { stdin: MESH_RULES });
    await attachNic(pod, masquerade, { names: NAMES, mac: MAC, mesh: true, ports });
    await plugGuest(pod, guest, NAMES.bridge, MAC, 1450);
    await guest.exec(["ip", "addr", "add", "10.0.2.2/24", "dev", "eth0"]);
    await guest.exec(["ip", "route", "add", "default", "via", "10.0.2.1"]);
    const running = [
      await start(guest, "send-to-peer", "8080", "22", "15000"),
      await start(pod, "mesh-proxy", POD, "8080"),
      await start(outside, "send-to-peer", "7000"),
    ];
    try {
      // Through the proxy: the guest sees its gateway, not the loopback address that the proxy speaks from.
      expect(await connect(outside, POD, 8080)).toBe("the workload, to 10.0.2.1");
      // Past it: the guest sees who really comes.
      expect(await connect(outside, POD, 22)).toBe(`the workload, to ${OUTSIDE}`);
      // The proxy's own port stays its own, though the guest has the same; its other ones are the guest's.
      expect(await connect(pod, "127.0.0.1", 15000)).toBe("the proxy's own");
      expect(await connect(pod, "127.0.0.1", 8080)).toBe("the workload, to 10.0.2.1");
      // The proxy's own port is nobody's but the pod's: not the guest's, which may send to what address it likes.
      await sendLoopbackAway(guest, "10.0.2.1");
      expect(await connect(guest, "127.0.0.1", 15000)).toBe("TIMEOUT");
      // What the guest sends is the proxy's to send on.
      expect(await connect(guest, OUTSIDE, 7000)).toBe("on its way out");
    } finally {
      for (const child of running) child.kill("SIGKILL");
    }
  },
);
