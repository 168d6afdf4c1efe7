/** The bridge binding with a real guest on the pod network: the guest takes the pod's place. */
import { findVm, netnsPath } from "@netbind/local";
import { inNetns, run } from "@netbind/netns";
import { expect, test } from "vitest";
import { demoVmi } from "../demo/vmi.ts";
import { useLab } from "../support/lab.ts";
import { netbind } from "../support/netbind.ts";
import { Outside, OUTSIDE_PORTS } from "../support/outside.ts";

const lab = useLab();
const VMI = demoVmi({ name: "one", port: 80, nonce: "n0nce" }).replace(/masquerade: \{\}.*\n\s+ports:\n.*\n/, "bridge: {}\n");

test("the guest has the pod's MAC, address and routes; traffic goes both ways; damage is repaired; nothing is left", async () => {
  expect(VMI).toContain("bridge: {}");
  const { nics } = await lab.start(VMI);
  const pod = nics[0]?.podAddresses.find((address) => address.startsWith("10.244.")) ?? "";
  expect(nics).toMatchObject([{ name: "red", binding: "bridge", guestAddresses: [pod], traffic: { fromGuest: true, toGuest: true } }]);
  const record = findVm(lab.state, "one").nics["red"];
  expect(nics[0]?.mac).toBe(record?.before?.mac);

  const told = await lab.inGuest("one", "cat /run/lease.eth0 /sys/class/net/eth0/address; ip route");
  for (const line of [
    `ip=${pod}`,
    "mask=24",
    "router=10.244.0.1",
    "serverid=169.254.75.10",
    nics[0]?.mac ?? "",
    "default via 10.244.0.1 dev eth0",
  ])
    expect(told.split("\n").map((one) => one.trim())).toContain(line);

  using outside = await Outside.start(netnsPath(lab.state.nodeNetns));
  expect((await outside.fetch(`http://${pod}/`)).trim()).toBe("n0nce");
  await lab.inGuest("one", `echo out-tcp | nc -w 3 10.244.0.1 ${OUTSIDE_PORTS.tcp}`);
  expect((await outside.sees("tcp", "out-tcp")).address).toBe(pod);
  await lab.inGuest("one", `syslogd -R 10.244.0.1:${OUTSIDE_PORTS.udp}; sleep 1; logger out-udp`);
  expect((await outside.sees("udp", "out-udp")).address).toBe(pod);

  expect((await netbind(["check"], { env: lab.env })).code).toBe(0);
  const inPod = inNetns(netnsPath(findVm(lab.state, "one").netns), run);
  await inPod(["ip", "link", "set", "eth0-nic", "nomaster"]);
  await inPod(["ip", "link", "del", "eth0"]);
  await inPod(["sysctl", "-q", "-w", "net.ipv4.conf.all.arp_ignore=0"]);
  expect((await netbind(["check"], { env: lab.env })).code).toBe(1);
  expect((await netbind(["apply"], { env: lab.env })).code).toBe(0);
  expect((await netbind(["check"], { env: lab.env })).code).toBe(0);
  expect((await outside.fetch(`http://${pod}/`)).trim()).toBe("n0nce");

  await lab.stop("one");
});

test("a MAC that its author names is the guest's; where the cluster forbids bridge on the pod network it is refused", async () => {
  const named = VMI.replace("bridge: {}", "bridge: {}\n          macAddress: 02:00:00:00:be:ef");
  expect((await lab.start(named)).nics[0]).toMatchObject({
    mac: "02:00:00:00:be:ef",
    guestAddresses: [expect.any(String)],
  });
  expect(await lab.inGuest("one", "cat /sys/class/net/eth0/address")).toContain("02:00:00:00:be:ef");
  const forbidding = `${VMI}---
apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata: {name: kubevirt}
spec: {configuration: {network: {permitBridgeInterfaceOnPodNetwork: false}}}
`;
  const refused = await netbind(["run", "-f", "-", "--keep"], { env: lab.env, stdin: forbidding });
  expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining("does not permit bridge") });
});
