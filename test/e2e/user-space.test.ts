/** slirp and passt with real guests: networks in user space, which leave the pod's links as they are. */
import { findVm, netnsPath } from "@netbind/local";
import { inNetns, run } from "@netbind/netns";
import { expect, test } from "vitest";
import { demoVmi } from "../demo/vmi.ts";
import { useLab } from "../support/lab.ts";
import { netbind } from "../support/netbind.ts";
import { Outside, OUTSIDE_PORTS } from "../support/outside.ts";

const lab = useLab();
const vmi = (binding: string, more = ""): string =>
  demoVmi({ name: "one", port: 80, nonce: "n0nce" }).replace("masquerade: {}", `binding: {name: ${binding}}${more}`);

/** Beyond the guest's gateway: passt takes what is sent to the gateway itself for the pod's own. */
const BEYOND = "198.51.100.7";

/** Traffic both ways: a listed port, a port that is not, and out by TCP and UDP as the pod. */
async function tryTraffic(pod: string): Promise<void> {
  using outside = await Outside.start(netnsPath(lab.state.nodeNetns));
  expect((await outside.fetch(`http://${pod}/`)).trim()).toBe("n0nce");
  expect(await outside.connect(pod, 81)).toBe("ECONNREFUSED");
  await inNetns(netnsPath(lab.state.nodeNetns), run)(["ip", "addr", "replace", `${BEYOND}/32`, "dev", "lo"]);
  await lab.inGuest("one", `echo out-tcp | nc -w 3 ${BEYOND} ${OUTSIDE_PORTS.tcp}`);
  expect((await outside.sees("tcp", "out-tcp")).address).toBe(pod);
  await lab.inGuest("one", `syslogd -R ${BEYOND}:${OUTSIDE_PORTS.udp}; sleep 1; logger out-udp`);
  expect((await outside.sees("udp", "out-udp")).address).toBe(pod);
}

/** Asks the guest until it says all of some texts: an address of its own may come a little after it is ready. */
async function expectInGuest(command: string, texts: readonly string[]): Promise<void> {
  let told = "";
  for (let asked = 0; asked < 20 && !texts.every((text) => told.includes(text)); asked++)
    told = await lab.inGuest("one", `sleep 1; ${command}`);
  for (const text of texts) expect(told).toContain(text);
}

const linksOf = async (): Promise<string> => inNetns(netnsPath(findVm(lab.state, "one").netns), run)(["ip", "-br", "link"]);

test("slirp: a network inside QEMU, by virtio, with the MAC that the author names; listed ports alone come in", async () => {
  const { nics } = await lab.start(vmi("slirp", "\n          macAddress: 02:00:00:00:be:ef"), "--wait", "5");
  expect(nics).toMatchObject([{ binding: "slirp", mac: "02:00:00:00:be:ef", guestAddresses: [], plannedAddresses: 0, ports: ["80/TCP"] }]);
  await lab.booted("one");
  await expectInGuest(
    "cat /sys/class/net/eth0/address; basename $(readlink /sys/class/net/eth0/device/driver); ip addr show eth0; ip route",
    ["02:00:00:00:be:ef", "virtio_net", "10.0.2.15/24", "default via 10.0.2.2"],
  );
  await tryTraffic(nics[0]?.podAddresses[0] ?? "");
  expect(await linksOf()).not.toMatch(/tap0|k6t/);
  expect((await netbind(["check"], { env: lab.env })).code).toBe(0);
  await lab.stop("one");
});

test("passt: the guest has the pod's own addresses of both families; listed ports alone come in", async () => {
  const { nics } = await lab.start(vmi("passt"), "--wait", "5");
  const [ipv4 = "", ipv6 = ""] = nics[0]?.podAddresses ?? [];
  expect(nics).toMatchObject([{ binding: "passt", plannedAddresses: 0, ports: ["80/TCP"] }]);
  await lab.booted("one");
  await expectInGuest("cat /sys/class/net/eth0/address; ip addr show eth0; ip route", [
    nics[0]?.mac ?? "none",
    `${ipv4}/24`,
    `${ipv6}/128`,
    "default via 10.244.0.1",
  ]);
  await tryTraffic(ipv4);
  expect(await linksOf()).not.toMatch(/tap0|k6t/);
  expect((await netbind(["check"], { env: lab.env })).code).toBe(0);
  await lab.stop("one");
});

test("what they cannot do is refused before anything starts, with the reason", async () => {
  const multus = vmi("passt", "\n          model: e1000").replace("pod: {}", "multus: {networkName: a}");
  const refused = await netbind(["run", "-f", "-", "--keep"], { env: lab.env, stdin: multus });
  expect(refused.code).toBe(3);
  for (const text of ["passt serves the pod network only", "passt moves packets by virtio only"]) expect(refused.stderr).toContain(text);
  const narrow = vmi("slirp").replace("pod: {}", "pod: {vmNetworkCIDR: 10.0.0.0/28}");
  expect((await netbind(["run", "-f", "-", "--keep"], { env: lab.env, stdin: narrow })).stderr).toContain(
    "the fifteen addresses that QEMU needs",
  );
});
