import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { serviceProcesses } from "@netbind/engine";
import { endProcesses, isAlive, type ProcessId, startService } from "@netbind/netns";
import masquerade from "@netbind/plugin-masquerade";
import { expect, test } from "vitest";
import lan from "../plugins/lan.ts";
import { attachNic, plugGuest } from "../support/netns/attach-nic.ts";
import { TestNetns } from "../support/netns/netns.ts";

const CLIENT = fileURLToPath(new URL("../support/peers/dhcp-client.ts", import.meta.url));
const NICS = [
  {
    binding: masquerade,
    names: { pod: "eth0", tap: "tap0", bridge: "k6t-eth0", adopted: "eth0-nic" },
    mac: "02:11:22:33:44:55",
    mtu: 1450,
  },
  {
    binding: lan,
    names: { pod: "pod0123456789a", tap: "tap0123456789a", bridge: "k6t-0123456789a", adopted: "0123456789a-nic" },
    mac: "02:11:22:33:44:66",
    mtu: 1400,
  },
] as const;

/** Waits until the guest's kernel took a router's word. */
async function routeOf(guest: TestNetns): Promise<string> {
  for (let waited = 0; waited < 100; waited++) {
    const route = await guest.exec(["ip", "-6", "route", "show", "default"]);
    if (route !== "") return route;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return "none";
}

test("two NICs of one pod with DHCP and router advertisements each: every guest hears its own", async () => {
  await using pod = await TestNetns.make();
  await using outside = await TestNetns.make();
  await using one = await TestNetns.make();
  await using two = await TestNetns.make();
  await TestNetns.cable(outside, pod, ["v0", "eth0"], ["10.9.0.1/24", "10.9.0.2/24"], 1450);
  await pod.exec(["ip", "addr", "add", "fd09::2/64", "dev", "eth0", "nodad"]);
  await TestNetns.cable(outside, pod, ["v1", NICS[1].names.pod], ["10.8.0.1/24", "10.8.0.2/24"], 1400);
  const directory = mkdtempSync(join(tmpdir(), "netbind-kernel-"));
  const running: ProcessId[] = [];
  try {
    for (const [at, { binding, names, mac, mtu }] of NICS.entries()) {
      const plan = await attachNic(pod, binding, {
        names,
        mac,
        index: at,
        ...(at === 0 ? {} : { network: { kind: "multus", networkName: "lan", default: false } }),
      });
      const guest = at === 0 ? one : two;
      await plugGuest(pod, guest, names.bridge, mac, mtu);
      await guest.exec(["ip", "route", "add", "255.255.255.255/32", "dev", "eth0"]);
      for (const service of serviceProcesses(plan.services ?? [])) {
        await startService(service, {
          netns: pod.path,
          uid: 1_900_000_009,
          logFile: join(directory, service.role),
          started: async (processes) => void running.push(...processes),
        });
      }
    }
    expect(running.length).toBe(8);
    for (const [guest, { mac, mtu }, address, network] of [
      [one, NICS[0], "10.0.2.2", "fd10:0:2::/120"],
      [two, NICS[1], "10.0.4.7", "fd10:0:4::/120"],
    ] as const) {
      expect(JSON.parse(await guest.exec([process.execPath, CLIENT, mac]))).toMatchObject({ address });
      expect(await routeOf(guest)).toMatch(new RegExp(`^default via fe80::\\S+ dev eth0 proto ra .*mtu ${mtu}`));
      expect(await guest.exec(["ip", "-6", "route", "show", network])).toMatch(/dev eth0 .*expires/);
      // Nobody makes an address of its own: it comes by DHCPv6.
      expect((await guest.exec(["ip", "-6", "addr", "show", "dev", "eth0", "scope", "global"])).trim()).toBe("");
    }
    // IPv6 takes a raw socket: exactly the two capabilities for it, over this pod only, and no way to more.
    const status = readFileSync(`/proc/${running[3]?.pid}/status`, "utf8");
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toMatch(/^Cap(Eff|Prm):\t0+3000$/m);
    expect(status).toMatch(/^CapBnd:\t0+3000$/m);
    expect(status).toMatch(/^Uid:\t1900000009\t1900000009\t1900000009\t1900000009$/m);
  } finally {
    await endProcesses(running);
    rmSync(directory, { recursive: true });
  }
  expect(running.some(isAlive)).toBe(false);
});
