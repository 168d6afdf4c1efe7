import { anAttachment } from "@netbind/contract/testing";
import { countOperations, diffNetwork, type ObservedNetwork, teardownNetwork, desiredNetwork } from "@netbind/engine";
import { passtSockets, withoutNic } from "@netbind/domain";
import bridge from "@netbind/plugin-bridge";
import passt from "@netbind/plugin-passt";
import { expect, test } from "vitest";

const EPHEMERAL = [32_768, 60_999] as const;

test("passt takes a socket for each port that it listens on: those that are listed, else all but the ephemeral and the mesh's", () => {
  const sockets = (change: Parameters<typeof anAttachment>[0]): number => passtSockets(passt.plan(anAttachment(change)), EPHEMERAL);
  const all = 65_535 - (60_999 - 32_768 + 1);
  expect(sockets({})).toBe(2 * all);
  // The mesh's ten ports are TCP's: UDP keeps all of its own.
  expect(sockets({ mesh: true })).toBe(2 * all - 10);
  expect(
    sockets({
      ports: [
        { protocol: "TCP", port: 80 },
        { protocol: "UDP", port: 1000, lastPort: 1999 },
      ],
    }),
  ).toBe(1001);
  expect(passtSockets(bridge.plan(anAttachment()), EPHEMERAL)).toBe(0);
});

test("a NIC's network is taken out of a pod that lives on: what was made goes, the pod's link has its name again, twice is nothing", () => {
  const attachment = anAttachment({ pod: { ...anAttachment().pod, addresses: ["10.244.0.2/24", "fd10::2/64"] } });
  const plan = bridge.plan(attachment);
  const wanted = {
    ...desiredNetwork(attachment.names, plan, attachment.pod),
    owner: { uid: 107, gid: 107 },
    placeholderKind: "dummy" as const,
  };
  const link = { mac: "02:00:00:00:00:09", mtu: 1450, up: true, carrier: true, addresses: [] };
  const there: ObservedNetwork = {
    links: [
      { ...link, name: "k6t-eth0", kind: "bridge" },
      { ...link, name: "eth0-nic", kind: "veth", controller: "k6t-eth0" },
      { ...link, name: "tap0", kind: "tun" },
      { ...link, name: "eth0", kind: "dummy", up: false },
    ],
    routes: [],
    sysctls: {},
    table: [],
  };
  const operations = teardownNetwork(wanted, there);
  expect(operations.ip).toEqual([
    "link set dev k6t-eth0 group 28258",
    "link set dev tap0 group 28258",
    "link set dev eth0 group 28258",
    "link del group 28258",
    "link set dev eth0-nic down nomaster",
    "link set dev eth0-nic name eth0",
  ]);
  expect(operations.nft.filter((command) => "delete" in command)).toHaveLength(2);
  // A pod link that never was taken over is nothing that was made.
  const untouched: ObservedNetwork = { links: [{ ...link, name: "eth0", kind: "veth" }], routes: [], sysctls: {}, table: null };
  expect(countOperations(teardownNetwork(wanted, untouched))).toBe(0);
  expect(countOperations(diffNetwork(wanted, untouched))).toBeGreaterThan(10);
});

test("a domain without one of its NICs: nothing else of it changes", () => {
  const nic = (name: string): string =>
    `    <interface type='ethernet'>\n      <mac address='02:00:00:00:00:01'/>\n      <alias name='ua-${name}'/>\n    </interface>\n`;
  const domain = (...names: readonly string[]): string => `<domain>\n  <devices>\n${names.map(nic).join("")}  </devices>\n</domain>\n`;
  expect(withoutNic(domain("red", "blue", "green"), "blue")).toBe(domain("red", "green"));
  expect(withoutNic(domain("red"), "blue")).toBe(domain("red"));
});
