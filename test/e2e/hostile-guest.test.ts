import { findVm, guestCommand, netnsPath, type VmStatus } from "@netbind/local";
import { consoleSocket } from "@netbind/local";
import { expect, test } from "vitest";
import { demoVmi } from "../demo/vmi.ts";
import { isDhcpServer, isRouterAdvertisement, Sniffer } from "../support/peers/frames.ts";
import { KillLab } from "../support/kill/kill-lab.ts";
import { netbind } from "../support/guest/netbind.ts";
import { Outside } from "../support/peers/outside.ts";

/** Another MAC, a DHCP server of its own, and a flood of ARP, with what a small guest has at hand. */
const HARM = [
  "killall udhcpc; ip link set eth0 down; ip link set eth0 address 02:66:66:66:66:66; ip link set eth0 up",
  "ip addr flush dev eth0; ip addr add 10.0.2.66/24 dev eth0; ip route add default via 10.0.2.1",
  "printf 'start 10.66.0.2\\nend 10.66.0.99\\ninterface eth0\\nlease_file /tmp/leases\\n' > /tmp/udhcpd.conf; : > /tmp/leases; udhcpd -S /tmp/udhcpd.conf",
  "(for n in $(seq 2 250); do ip addr add 10.0.2.$n/24 dev eth0 2> /dev/null; arping -q -c 1 -w 1 -I eth0 -s 10.0.2.$n 10.0.2.1 & done) > /dev/null 2>&1",
  "ping -c 2 -W 1 10.244.0.1 > /dev/null; ping -c 2 -W 1 10.244.0.3 > /dev/null; udhcpc -n -q -t 3 -T 1 -i eth0; echo done",
];

test("a real guest that means harm: outside its pod nobody sees its MAC or its DHCP, and another VM goes on", async () => {
  await using lab = await KillLab.make();
  const env = { NETBIND_STATE_DIR: lab.directory };
  const pods: string[] = [];
  for (const name of ["one", "two"]) {
    const vmi = demoVmi({ name, port: 80, nonce: name });
    const started = await netbind(["run", "-f", "-", "--keep", "-o", "json"], { env, stdin: vmi });
    expect(started.code, started.stderr).toBe(0);
    pods.push((JSON.parse(started.stdout) as VmStatus).nics[0]?.podAddresses[0] ?? "");
  }
  const node = netnsPath(lab.state.nodeNetns);
  {
    await using sniffer = await Sniffer.on(node, "cni0");
    using outside = await Outside.start(node);
    const guest = consoleSocket(lab.state, findVm(lab.state, "one"));
    const harm = HARM.reduce(
      (before, command) => before.then(async (printed) => printed + (await guestCommand(guest, command, 60_000))),
      Promise.resolve(""),
    );
    for (let times = 0; times < 5; times++) {
      expect((await outside.fetch(`http://${pods[1]}/`)).trim()).toBe("two");
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(await harm).toContain("done");
    expect((await outside.fetch(`http://${pods[1]}/`)).trim()).toBe("two");
    const frames = await sniffer.frames();
    const own = [
      await outside.run(["ip", "-json", "link"]),
      ...(await Promise.all(["one", "two"].map((name) => lab.inPod(name, ["ip", "-json", "link"])))),
    ];
    const known = own.flatMap((text) =>
      (JSON.parse(text) as { ifname: string; address: string }[])
        .filter(({ ifname }) => !/^(k6t|tap)/.test(ifname))
        .map(({ address }) => address),
    );
    expect(frames.length).toBeGreaterThan(20);
    expect(frames.filter(({ source }) => !known.includes(source)).map(({ source }) => source)).toEqual([]);
    expect(frames.filter(isDhcpServer)).toEqual([]);
    expect(frames.filter(isRouterAdvertisement)).toEqual([]);
  }
  expect((await lab.run(["check"])).stdout).toBe("default/one: healthy\ndefault/two: healthy\n");
  expect((await netbind(["stop", "--force", "one", "two"], { env })).code).toBe(0);
});
