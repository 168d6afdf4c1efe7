/** NICs that come, go and change while their guest runs. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findVm, netnsPath, type VmStatus } from "@netbind/local";
import { inNetns, exec } from "@netbind/netns";
import { expect, test } from "vitest";
import { demoVmi } from "../demo/vmi.ts";
import { useLab } from "../support/guest/lab.ts";
import { netbind, type Outcome } from "../support/guest/netbind.ts";
import { callWithPoints, type PassedPoints } from "../support/kill/points.ts";
import { Outside, OUTSIDE_PORTS } from "../support/peers/outside.ts";

const lab = useLab();

const nad = (name: string, config: object): string => `\
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: ${name}}
spec:
  config: '${JSON.stringify({ cniVersion: "1.0.0", name, type: "bridge", bridge: "blue0", ...config })}'
`;
const RANGES = [[{ subnet: "10.55.0.0/24" }], [{ subnet: "fd55::/64" }]];
const NADS =
  nad("blue-net", { isGateway: true, ipam: { type: "host-local", ranges: RANGES } }) + nad("l2-net", { ipam: {} });

const call = (...args: readonly string[]): Promise<Outcome> => netbind(args, { env: lab.env });
const file = (): string => join(lab.directory, "nads.yaml");
const attach = (nic: string, network: string, ...more: readonly string[]): Promise<Outcome> =>
  call("attach-nic", "one", nic, "--network", network, "-f", file(), ...more);
const inPod = (argv: readonly string[]): Promise<string> =>
  inNetns(netnsPath(findVm(lab.state, "one").netns), exec)(argv);
/** All that a pod has: links, tables, and servers. */
const podHas = async (): Promise<string> =>
  `${await inPod(["sh", "-c", "ip -br link | cut -d@ -f1 | cut -d' ' -f1; nft list tables"])}${findVm(lab.state, "one")
    .processes.map(({ role }) => role)
    .sort()
    .join()}`;
const linkOf = async (nic: string): Promise<string | undefined> =>
  (JSON.parse((await call("status", "one", "-o", "json")).stdout) as VmStatus).interfaces?.find(
    ({ name }) => name === nic,
  )?.linkState;

const points = (args: readonly string[], at: number): Promise<PassedPoints> =>
  callWithPoints((env) => netbind(args, { env: { ...lab.env, ...env } }), { directory: lab.directory, at });

/** Kills a command at the last point of a kind, which an earlier run of it passed, and sees that apply makes all whole. */
async function killAt(kind: RegExp, trace: readonly string[], args: readonly string[]): Promise<void> {
  const at = trace.findLastIndex((point) => kind.test(point));
  expect(at, String(kind)).toBeGreaterThanOrEqual(0);
  expect((await points(args, at + 1)).outcome.code, `not killed at ${trace[at]}`).toBe(null);
  const applied = await call("apply");
  expect(applied.code, `${trace[at]}: ${applied.stdout}${applied.stderr}`).toBe(0);
  expect((await call("check")).stdout, trace[at]).toBe("default/one: healthy\n");
}

/** The points that a command passes which is let live. */
async function trace(args: readonly string[]): Promise<readonly string[]> {
  const { outcome, points: passed } = await points(args, 0);
  expect(outcome.code, outcome.stderr).toBe(0);
  return passed;
}

/** The guest takes the new NIC's addresses. Gives its IPv4 address. */
async function expectAttached(): Promise<string> {
  const attached = await attach("blue", "blue-net", "-o", "json");
  expect(attached.code, attached.stderr).toBe(0);
  const nic = JSON.parse(attached.stdout) as VmStatus["nics"][number];
  expect(nic).toMatchObject({
    name: "blue",
    binding: "bridge",
    guestAddresses: nic.podAddresses,
    traffic: { fromGuest: true, toGuest: true },
  });
  const [ipv4 = "", ipv6 = ""] = nic.podAddresses;
  expect([ipv4, ipv6].map((address) => address.slice(0, 4))).toEqual(["10.5", "fd55"]);
  expect(await lab.inGuest("one", "cat /sys/class/net/eth1/address")).toContain(nic.mac);
  using outside = await Outside.start(netnsPath(lab.state.nodeNetns));
  expect((await outside.fetch(`http://${ipv4}/`)).trim()).toBe("n0nce");
  expect((await outside.fetch(`http://[${ipv6}]/`)).trim()).toBe("n0nce");
  await lab.inGuest("one", `echo out-blue | nc -w 3 10.55.0.1 ${OUTSIDE_PORTS.tcp}`);
  expect((await outside.sees("tcp", "out-blue")).address).toBe(ipv4);
  return ipv4;
}

async function expectCable(ipv4: string): Promise<void> {
  using outside = await Outside.start(netnsPath(lab.state.nodeNetns));
  expect((await call("link", "down", "one", "blue")).code).toBe(0);
  expect(await outside.connect(ipv4, 80)).not.toBe("connected");
  expect([await linkOf("blue"), await linkOf("red")]).toEqual(["down", "up"]);
  expect(await lab.inGuest("one", "cat /sys/class/net/eth1/carrier")).toMatch(/^0/m);
  expect((await call("check")).code).toBe(0);
  expect((await call("link", "up", "one", "blue")).code).toBe(0);
  expect((await outside.fetch(`http://${ipv4}/`)).trim()).toBe("n0nce");
}

/** What was recorded of the NIC is kept like that of any other. */
async function expectRepair(): Promise<void> {
  await inPod(["ip", "link", "set", "16477688c0e-nic", "nomaster"]);
  expect((await call("check")).code).toBe(1);
  expect((await call("apply")).code).toBe(0);
  expect((await call("gc")).stdout).toBe("nothing to remove\n");
}

async function expectRefusals(): Promise<void> {
  for (const [args, code, text] of [
    [["attach-nic", "one", "blue", "--network", "blue-net", "-f", file()], 1, "already"],
    [
      ["attach-nic", "one", "red2", "--network", "green", "--mac", "nonsense", "-f", file()],
      3,
      "no NetworkAttachmentDefinition default/green",
    ],
    [["detach-nic", "one", "red"], 1, "stays as long as its pod"],
    [["detach-nic", "one", "nobody"], 1, "it has: red, blue"],
    [["link", "up", "nobody", "blue"], 4, "there is no VM"],
  ] as const) {
    const refused = await call(...args);
    expect([refused.code, refused.stderr], args.join(" ")).toEqual([code, expect.stringContaining(text)]);
  }
}

const DETACH = ["detach-nic", "one", "blue"];
const attachTo = (network: string): readonly string[] => [
  ...["attach-nic", "one", "blue", "--network", network, "-f", file(), "--wait", "0"],
];

/** Killed at a point of each kind of step, detaching and attaching. `before`: what the pod has without the NIC. */
async function expectKilled(before: string): Promise<void> {
  const detaching = await trace(DETACH);
  expect(await podHas()).toBe(before);
  await lab.inGuest("one", "sleep 2");
  expect(await lab.inGuest("one", "ls /sys/class/net")).not.toContain("eth1");
  const attaching = await trace(attachTo("blue-net"));
  // The device is out and the rest is not: apply goes on. What is on a layer 2 without addresses comes all the same.
  await killAt(/ended virsh detach-device/, detaching, DETACH);
  expect(await podHas()).toBe(before);
  expect((await call(...attachTo("l2-net"))).code).toBe(0);
  expect(findVm(lab.state, "one").nics["blue"]?.plan?.services).toBeUndefined();
  expect((await call(...DETACH)).code).toBe(0);
  // One point of each kind of step: the network's plugin, a server, the device.
  for (const kind of [/started sh -c out=/, /started prlimit/, /started virsh attach-device/]) {
    await killAt(kind, attaching, attachTo("blue-net"));
    expect(await podHas(), String(kind)).toBe(before);
  }
}

test("a NIC comes to a running guest, its cable is pulled and plugged, it goes; killed anywhere, all is whole or gone", {
  timeout: 600_000,
}, async () => {
  writeFileSync(file(), NADS);
  await lab.start(demoVmi({ name: "one", port: 80, nonce: "n0nce" }));
  await lab.booted("one");
  const before = await podHas();
  await expectCable(await expectAttached());
  await expectRepair();
  await expectRefusals();
  await expectKilled(before);
  await lab.stop("one");
});
