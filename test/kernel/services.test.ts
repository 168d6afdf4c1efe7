import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Attachment, Binding, Plan } from "@netbind/contract";
import { authorize, diffNetwork, podLinkOf, serviceProcesses, STANDARD_GRANTS, wantedNetwork, type WantedNetwork } from "@netbind/engine";
import { applyNetwork, endProcesses, isAlive, observe, type ProcessId, startService } from "@netbind/netns";
import masquerade from "@netbind/plugin-masquerade";
import { expect, test } from "vitest";
import lan from "../plugins/lan.ts";
import { anAttachment } from "../support/attachment.ts";
import { TestNetns } from "../support/netns.ts";

const CLIENT = fileURLToPath(new URL("../support/dhcp-client.ts", import.meta.url));
const NICS = [
  { binding: masquerade, names: { pod: "eth0", tap: "tap0", bridge: "k6t-eth0" }, mac: "02:11:22:33:44:55", mtu: 1450 },
  { binding: lan, names: { pod: "pod0123456789a", tap: "tap0123456789a", bridge: "k6t-0123456789a" }, mac: "02:11:22:33:44:66", mtu: 1400 },
] as const;

/** Plans a NIC on its pod link and applies the plan. */
async function attach(pod: TestNetns, binding: Binding, nic: Partial<Attachment> & { readonly names: Attachment["names"] }): Promise<Plan> {
  const link = podLinkOf(await observe(pod.run), nic.names.pod);
  if (link === undefined) throw new Error("the pod has no link");
  const attachment = anAttachment({ ...nic, pod: link });
  const plan = authorize(binding.plan(attachment), attachment, STANDARD_GRANTS);
  const wanted: WantedNetwork = { ...wantedNetwork(attachment.names, plan, link), owner: { uid: 107, gid: 107 } };
  const keys = (wanted.plan.sysctls ?? []).map(({ key }) => key);
  await applyNetwork(pod.run, diffNetwork(wanted, await observe(pod.run, { sysctls: keys, table: wanted.table })));
  return plan;
}

/** A guest without a machine, on a bridge of the pod. */
async function plug(pod: TestNetns, guest: TestNetns, bridge: string, mac: string, mtu: number): Promise<void> {
  const port = `g${bridge.slice(-6)}`;
  const peer = ["peer", "name", "eth0", "mtu", "1500", "address", mac, "netns", guest.name];
  await pod.run(["ip", "link", "add", port, "mtu", String(mtu), "type", "veth", ...peer]);
  await pod.run(["ip", "link", "set", port, "master", bridge, "up"]);
  await guest.run(["ip", "link", "set", "eth0", "up"]);
  await guest.run(["ip", "route", "add", "255.255.255.255/32", "dev", "eth0"]);
}

/** Waits until the guest's kernel took a router's word. */
async function routeOf(guest: TestNetns): Promise<string> {
  for (let waited = 0; waited < 100; waited++) {
    const route = await guest.run(["ip", "-6", "route", "show", "default"]);
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
  await pod.run(["ip", "addr", "add", "fd09::2/64", "dev", "eth0", "nodad"]);
  await TestNetns.cable(outside, pod, ["v1", NICS[1].names.pod], ["10.8.0.1/24", "10.8.0.2/24"], 1400);
  const directory = mkdtempSync(join(tmpdir(), "netbind-kernel-"));
  const running: ProcessId[] = [];
  try {
    for (const [at, { binding, names, mac, mtu }] of NICS.entries()) {
      const plan = await attach(pod, binding, { names, mac, index: at });
      await plug(pod, at === 0 ? one : two, names.bridge, mac, mtu);
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
      [two, NICS[1], "192.168.77.7", "fd77::/64"],
    ] as const) {
      expect(JSON.parse(await guest.run([process.execPath, CLIENT, mac]))).toMatchObject({ address });
      expect(await routeOf(guest)).toMatch(new RegExp(`^default via fe80::\\S+ dev eth0 proto ra .*mtu ${mtu}`));
      expect(await guest.run(["ip", "-6", "route", "show", network])).toMatch(/dev eth0 .*expires/);
      // Nobody makes an address of its own: it comes by DHCPv6.
      expect((await guest.run(["ip", "-6", "addr", "show", "dev", "eth0", "scope", "global"])).trim()).toBe("");
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
