import { BindingError, type NftRule } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import { expect, test } from "vitest";
import masquerade from "./index.ts";

const rulesOf = (change: Parameters<typeof anAttachment>[0], chain: string): readonly NftRule[] =>
  masquerade.plan(anAttachment(change)).network?.nftables?.find(({ name }) => name === chain)?.rules ?? [];
const tcp = (...ports: number[]): object => ({ kind: "destinationPort", protocol: "tcp", ports });
const inbound = { kind: "inputInterface", name: "eth0" };
const dnat = { kind: "dnat", to: "10.0.2.2" };

test("guest at .2, gateway at .1, of the default network or the VM's own", () => {
  expect(masquerade.plan(anAttachment()).services?.[0]).toMatchObject({
    server: "10.0.2.1",
    router: "10.0.2.1",
    client: { address: "10.0.2.2", prefix: 24 },
    mtu: 1450,
  });
  const own = masquerade.plan(anAttachment({ network: { kind: "pod", vmNetworkCidr: "10.77.3.9/28" } }));
  expect(own.services?.[0]).toMatchObject({ server: "10.77.3.1", client: { address: "10.77.3.2", prefix: 28 } });
  expect(own.network?.links[0]).toMatchObject({
    kind: "bridge",
    mac: "02:00:00:00:00:00",
    addresses: [{ address: "10.77.3.1", prefix: 28 }],
  });
});

test("without ports everything goes to the guest; with ports only those, each by its protocol", () => {
  expect(rulesOf({}, "prerouting")).toEqual([{ family: "ip", matches: [inbound], verdict: dnat }]);
  const ports = [
    { protocol: "TCP", port: 80 },
    { protocol: "UDP", port: 53 },
  ] as const;
  expect(rulesOf({ ports }, "prerouting").map(({ matches }) => matches)).toEqual([
    [inbound, tcp(80)],
    [inbound, { kind: "destinationPort", protocol: "udp", ports: [53] }],
  ]);
});

test("in a mesh only ssh goes past Envoy, which reaches the guest from the pod's own side", () => {
  expect(rulesOf({ mesh: true }, "prerouting")).toEqual([{ family: "ip", matches: [inbound, tcp(22)], verdict: dnat }]);
  expect(rulesOf({ mesh: true, ports: [{ protocol: "TCP", port: 80 }] }, "prerouting")).toEqual([]);
  expect(rulesOf({ mesh: true, ports: [{ protocol: "TCP", port: 80 }] }, "output")).toContainEqual({
    family: "ip",
    matches: [{ kind: "destinationAddress", addresses: ["127.0.0.1", "10.244.0.2"] }, tcp(80)],
    verdict: dnat,
  });
  expect(rulesOf({ mesh: true }, "output")[0]).toMatchObject({
    verdict: { kind: "return" },
    matches: [{ ports: expect.arrayContaining([15001, 15090]) }, {}],
  });
});

test("migration ports stay the pod's own where migration uses ports", () => {
  expect(rulesOf({ migrationTransport: "ports" }, "output")[0]).toEqual({
    family: "ip",
    matches: [tcp(49152, 49153), { kind: "sourceAddress", addresses: ["127.0.0.1"] }],
    verdict: { kind: "return" },
  });
});

const podWith = (...addresses: readonly string[]): Parameters<typeof anAttachment>[0] => ({
  pod: { ...anAttachment().pod, addresses },
});

test("each family that the pod has, and only that, reaches the guest", () => {
  const both = masquerade.plan(anAttachment(podWith("10.244.0.2/24", "fd10:244::2/64")));
  expect(both.network?.links[0]).toMatchObject({
    addresses: [
      { address: "10.0.2.1", prefix: 24 },
      { address: "fd10:0:2::1", prefix: 120 },
    ],
  });
  expect(both.services?.map(({ kind }) => kind)).toEqual(["dhcp4", "dhcp6", "ra"]);
  expect(both.services?.[1]).toMatchObject({
    client: { mac: "02:11:22:33:44:55", address: "fd10:0:2::2", prefix: 120 },
  });
  expect(both.services?.[2]).toMatchObject({ network: "fd10:0:2::/120", mtu: 1450 });
  expect(both.network?.sysctls?.map(({ key }) => key)).toContain("net.ipv6.conf.all.forwarding");
  expect(rulesOf(podWith("10.244.0.2/24", "fd10:244::2/64"), "prerouting")).toEqual([
    { family: "ip", matches: [inbound], verdict: dnat },
    { family: "ip6", matches: [inbound], verdict: { kind: "dnat", to: "fd10:0:2::2" } },
  ]);

  const own = anAttachment({ ...podWith("fd10:244::2/64"), network: { kind: "pod", vmIpv6NetworkCidr: "fd77::/64" } });
  const ipv6Only = masquerade.plan(own);
  expect(ipv6Only.services?.map(({ kind }) => kind)).toEqual(["dhcp6", "ra"]);
  expect(ipv6Only.network?.links[0]).toMatchObject({ addresses: [{ address: "fd77::1", prefix: 64 }] });
  expect(ipv6Only.network?.sysctls).toEqual([{ key: "net.ipv6.conf.all.forwarding", value: "1" }]);

  expect(masquerade.plan(anAttachment()).services?.map(({ kind }) => kind)).toEqual(["dhcp4"]);
});

test("what cannot be is said before a pod exists, and refused after", () => {
  const nic = anAttachment({
    network: { kind: "multus", networkName: "red", default: true },
    macAddress: "02-00-00-00-00-00",
  });
  expect(masquerade.admit(nic).map(({ field }) => field)).toEqual(["name", "macAddress"]);
  expect(masquerade.admit(anAttachment({ network: { kind: "pod", vmNetworkCidr: "10.0.0.0/31" } }))[0]?.field).toBe(
    "network.pod.vmNetworkCIDR",
  );
  const unreachable = { ...anAttachment().pod, addresses: ["169.254.3.4/16", "fe80::1/64", "127.0.0.1/8"] };
  expect(() => masquerade.plan(anAttachment({ pod: unreachable }))).toThrow(BindingError);
  expect(masquerade.admit(anAttachment({ network: { kind: "pod", vmIpv6NetworkCidr: "fd00::/127" } }))[0]?.field).toBe(
    "network.pod.vmIPv6NetworkCIDR",
  );
  expect(() => masquerade.plan(anAttachment({ network: { kind: "pod", vmNetworkCidr: "10.244.0.0/16" } }))).toThrow(
    /contains the pod's own address/,
  );
});
