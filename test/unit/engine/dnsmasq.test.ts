import { type Dhcp4Service, BindingError, formatAddress } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import masquerade from "@netbind/plugin-masquerade";
import fc from "fast-check";
import { expect, test } from "vitest";
import { dnsmasqConfig } from "../../../core/engine/src/services/dnsmasq.ts";
import {
  encodeServices,
  serviceProcesses,
  serviceWarnings,
} from "../../../core/engine/src/services/service-processes.ts";

const base = masquerade.plan(anAttachment()).services?.[0] as Dhcp4Service;
const lines = (service: Dhcp4Service): readonly string[] => dnsmasqConfig(service).trimEnd().split("\n");
const keysOf = (service: Dhcp4Service): readonly string[] => lines(service).map((line) => line.split("=")[0] ?? "");

test("says what KubeVirt's server says", () => {
  const text = dnsmasqConfig({
    ...base,
    bootFileName: "default_image.bin",
    tftpServerName: "tftp.example.com",
    ntpServers: ["192.0.2.1"],
    privateOptions: [
      { option: 224, value: "a" },
      { option: 240, value: "ab" },
    ],
  });
  for (const line of [
    "dhcp-host=02:11:22:33:44:55,10.0.2.2,86313600",
    "dhcp-option-force=26,1450",
    "dhcp-option-force=6,10.96.0.10",
    'dhcp-option-force=66,"tftp.example.com"',
    'dhcp-option-force=67,"default_image.bin"',
    "dhcp-option-force=42,192.0.2.1",
    "dhcp-option-force=15,default.svc.cluster.local",
    "dhcp-option-force=224,97",
    "dhcp-option-force=240,61:62",
  ])
    expect(text).toContain(`${line}\n`);
});

test("a search domain that ends with a dot is whole, and is told without it", () => {
  const reported = (...search: readonly string[]): string | undefined =>
    lines({ ...base, search })
      .find((line) => line.startsWith("dhcp-option-force=119,"))
      ?.slice("dhcp-option-force=119,".length);
  expect(reported("example.com.", "_foo.", "1a.", "_a.b-c.x1")).toBe("example.com,_foo,1a,_a.b-c.x1");
  for (const no of ["_foo", "1", "1.", "10.0.0.1.", ".", "a..", "-a.", "a-.", `${"a".repeat(64)}.`])
    expect(() => reported(no), no).toThrow("not a valid domain name");
});

test("no text makes another line, another key or an unquoted character", () => {
  const keys = new Set(
    keysOf({
      ...base,
      bootFileName: "x",
      tftpServerName: "x",
      hostname: "x",
      search: ["x"],
      privateOptions: [{ option: 224, value: "x" }],
    }),
  );
  const nasty = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("a\ndhcp-script=/bin/sh", 'a",b', "a\\", "#", "{}", "a,b", "a\r", "\u2028"),
  );
  fc.assert(
    fc.property(nasty, nasty, nasty, (bootFileName, hostname, value) => {
      let config: readonly string[];
      try {
        config = lines({
          ...base,
          bootFileName,
          hostname,
          search: [hostname],
          privateOptions: [{ option: 224, value }],
        });
      } catch (error) {
        expect(error).toBeInstanceOf(BindingError);
        return;
      }
      for (const line of config) {
        expect(keys.has(line.split("=")[0] ?? "")).toBe(true);
        if (line.startsWith("dhcp-option-force=67"))
          expect(line).toMatch(/^dhcp-option-force=67,"(?:[^"\\\p{Cc}]|\\["\\])*"$/u);
      }
    }),
    { numRuns: 500 },
  );
});

test("IPv6: the guest's address by DHCPv6, the route and the MTU by router advertisements", () => {
  const pod = { ...anAttachment().pod, addresses: ["fd10:244::2/64"] };
  const resolvConf = { nameservers4: [], nameservers6: ["fd10:96::a"], search: ["example.com"] };
  const [process, ...others] = serviceProcesses(masquerade.plan(anAttachment({ pod, resolvConf })).services ?? []);
  expect(others).toEqual([]);
  expect(process).toMatchObject({ role: "ipv6 k6t-eth0", privileged: true, socket: { family: 6, udpPort: 547 } });
  for (const line of [
    "dhcp-range=fd10:0:2::2,static,120,86313600",
    "dhcp-host=02:11:22:33:44:55,[fd10:0:2::2],86313600",
    "dhcp-option=option6:dns-server,[fd10:96::a]",
    "dhcp-option=option6:domain-search,example.com",
    "enable-ra",
    "ra-param=k6t-eth0,mtu:1450,60,1800",
  ])
    expect(process?.configuration).toContain(`${line}\n`);
  const ra = {
    kind: "ra",
    link: "k6t-eth0",
    network: "fd10:0:2::/120",
    mtu: 1450,
    routerLifetimeSeconds: 1800,
  } as const;
  expect(serviceProcesses([ra])[0]).toMatchObject({
    socket: "icmp6",
    configuration: expect.stringContaining("dhcp-range=fd10:0:2::,ra-only,120\n"),
  });
  const dhcp6 = {
    kind: "dhcp6",
    link: "k6t-eth0",
    leaseSeconds: 600,
    nameservers: ["fd00::1\ndhcp-script=/x"],
    search: [],
  } as const;
  expect(() =>
    serviceProcesses([{ ...dhcp6, client: { mac: "02:00:00:00:00:01", address: "fd00::2", prefix: 64 } }]),
  ).toThrow(BindingError);
});

/** Domains that are longer together than any option or line holds. */
const LONG_LIST = Array.from({ length: 40 }, (_, at) => `department-${at}.office.example.com`);

test("a search list that is too long for its option is told as far as it goes, and what is left out is said", () => {
  const search = [...LONG_LIST, "enable-tftp"];
  const [line] = lines({ ...base, search }).filter((one) => one.startsWith("dhcp-option-force=119,"));
  const reported = line?.slice("dhcp-option-force=119,".length).split(",") ?? [];
  expect(reported).toEqual(search.slice(0, reported.length));
  expect(reported.length).toBe(7);
  const [warning, ...more] = serviceWarnings("red", [{ ...base, search }]);
  expect(more).toEqual([]);
  expect(warning).toContain(`the guest does not get ${search.slice(7).join(", ")} on NIC "red": DHCPv4 option 119`);
  expect(serviceWarnings("red", [{ ...base, search: search.slice(0, 7) }])).toEqual([]);
});

test("a list of name servers that is too long for its option is told as far as it goes", () => {
  const nameservers = Array.from({ length: 70 }, (_, at) => `192.168.100.${at + 100}`);
  const [line] = lines({ ...base, nameservers }).filter((one) => one.startsWith("dhcp-option-force=6,"));
  expect(line?.split(",").slice(1)).toEqual(nameservers.slice(0, 61));
  expect(serviceWarnings("red", [{ ...base, nameservers }])[0]).toContain("DHCPv4 option 6 (name servers)");
});

test("what the author chose, or what leads somewhere, is told whole or refused: every value with its field", () => {
  const routes = Array.from({ length: 40 }, (_, at) => ({ destination: `10.${at}.0.0/16`, gateway: "10.0.2.1" }));
  const ntpServers = Array.from({ length: 64 }, (_, at) => `192.0.2.${at}`);
  const { problems } = encodeServices([
    {
      ...base,
      routes,
      ntpServers,
      hostname: "a b",
      search: ["ok.example", "a,b"],
      nameservers: ["::1"],
      bootFileName: "x".repeat(256),
    },
  ]);
  expect(problems.map(({ field }) => field)).toEqual([
    "services[0].search[1]",
    "services[0].ntpServers",
    "services[0].bootFileName",
    "services[0].hostname",
    "services[0].nameservers[0]",
    "services[0].routes",
  ]);
  expect(() => lines({ ...base, routes, ntpServers })).toThrow(/ntpServers.*64 addresses.*routes.*40 routes/);
});

test("whatever a plan says, no line of a configuration is longer than the server reads, or holds what ends one", () => {
  const domain = fc.stringMatching(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/);
  const text = fc.oneof(domain, fc.string({ unit: "binary", minLength: 1, maxLength: 120 }));
  const many = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(one, { maxLength: 200, size: "max" });
  const ipv6 = fc.bigInt(0n, (1n << 128n) - 1n).map((value) => formatAddress(6, value));
  const client = { mac: "02:11:22:33:44:55", address: "fd10:0:2::2", prefix: 120 };
  let accepted = 0;
  fc.assert(
    fc.property(many(domain), many(fc.ipV4()), many(ipv6), text, (search, nameservers, nameservers6, value) => {
      const { processes, problems } = encodeServices([
        {
          ...base,
          search,
          nameservers,
          bootFileName: value,
          tftpServerName: value,
          privateOptions: [{ option: 224, value }],
        },
        { kind: "dhcp6", link: "k6t-eth0", client, leaseSeconds: 600, nameservers: nameservers6, search },
      ]);
      if (problems.length > 0) return;
      accepted += 1;
      for (const line of processes.flatMap(({ configuration }) => configuration.trimEnd().split("\n"))) {
        expect(Buffer.byteLength(line)).toBeLessThanOrEqual(1000);
        expect(line).toMatch(/^[a-z0-9-]+(=[^\p{Cc}]*)?$/u);
      }
    }),
    { numRuns: 300 },
  );
  expect(accepted).toBeGreaterThan(100);
});
