import { expect, test } from "vitest";
import { readAgentNics } from "../../../core/local/src/vm/guest-agent.ts";

const nic = (change: object = {}): object => ({
  name: "eth0",
  "hardware-address": "02:00:00:00:00:01",
  "ip-addresses": [{ "ip-address-type": "ipv4", "ip-address": "10.0.2.2", prefix: 24 }],
  ...change,
});
const read = (nics: unknown): unknown => readAgentNics(JSON.stringify({ return: nics }));

test("an agent's answer is read: NICs with their addresses, without the loopback", () => {
  const loopback = nic({ name: "lo", "hardware-address": "00:00:00:00:00:00" });
  expect(
    read([loopback, nic(), nic({ name: "eth1", "hardware-address": "02-00-00-00-00-02", "ip-addresses": undefined })]),
  ).toEqual([
    { mac: "02:00:00:00:00:01", interfaceName: "eth0", addresses: ["10.0.2.2"] },
    { mac: "02-00-00-00-00-02", interfaceName: "eth1", addresses: [] },
  ]);
});

test("a guest that says nonsense is not believed, and says no more than so much", () => {
  for (const answer of ["", "nonsense", "[]", "null", '{"return": 7}', '{"error": {}}'])
    expect(readAgentNics(answer)).toEqual([]);
  expect(
    read([null, 7, {}, nic({ "hardware-address": "<x/>" }), nic({ name: "x".repeat(200), "ip-addresses": "all" })]),
  ).toEqual([{ mac: "02:00:00:00:00:01", addresses: [] }]);
  const address = { "ip-address": "10.0.2.2" };
  const many = read(
    Array.from({ length: 500 }, () =>
      nic({ "ip-addresses": [...Array.from({ length: 500 }, () => address), { "ip-address": "x" }] }),
    ),
  );
  expect(many).toHaveLength(64);
  expect((many as { addresses: string[] }[])[0]?.addresses).toHaveLength(64);
});
