/** What dnsmasq itself makes of a configuration at its limits: no list turns into directives, and every text arrives as it is. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Attachment, Dhcp4Service } from "@netbind/contract";
import { serviceProcesses, serviceWarnings } from "@netbind/engine";
import { endProcesses, type ProcessId, startService } from "@netbind/netns";
import masquerade from "@netbind/plugin-masquerade";
import { expect, test } from "vitest";
import { attachNic, plugGuest } from "../support/netns/attach-nic.ts";
import { TestNetns } from "../support/netns/netns.ts";

const CLIENT = fileURLToPath(new URL("../support/peers/dhcp-client.ts", import.meta.url));
const NAMES = { pod: "eth0", tap: "tap0", bridge: "k6t-eth0", adopted: "eth0-nic" };
const MAC = "02:11:22:33:44:55";
/** dnsmasq reads this many bytes of a line, and takes the rest for a line of its own. */
const READ = 1024;

/** Search domains whose text fills a line up to the byte at which the server stops reading, and then the text of a directive. */
function domainsUpTo(key: string, directive: string): readonly string[] {
  const domains: string[] = [];
  let left = READ - key.length;
  for (; left > 200; left -= 100) domains.push(`${"a".repeat(49)}.${"b".repeat(49)}`);
  for (; left > 60; left -= 50) domains.push(`${"a".repeat(24)}.${"b".repeat(24)}`);
  return [...domains, "c".repeat(left - 1), directive];
}

async function served(
  pod: TestNetns,
  nic: Partial<Attachment>,
  change: (service: Dhcp4Service) => Dhcp4Service,
  use: () => Promise<void>,
): Promise<void> {
  const plan = await attachNic(pod, masquerade, { names: NAMES, mac: MAC, ...nic });
  const services = (plan.services ?? []).map((service) => (service.kind === "dhcp4" ? change(service) : service));
  const directory = mkdtempSync(join(tmpdir(), "netbind-kernel-"));
  const running: ProcessId[] = [];
  try {
    for (const service of serviceProcesses(services)) {
      await startService(service, {
        netns: pod.path,
        uid: 1_900_000_011,
        logFile: join(directory, service.role),
        started: async (processes) => void running.push(...processes),
      });
    }
    await use();
  } finally {
    await endProcesses(running);
    rmSync(directory, { recursive: true });
  }
}

test("a search list that is longer than a line of the server's: IPv6 is served, and nothing else is", async () => {
  await using pod = await TestNetns.make();
  await using outside = await TestNetns.make();
  await TestNetns.cable(outside, pod, ["v0", "eth0"], ["fd09::1/64", "fd09::2/64"], 1450);
  const search = domainsUpTo("dhcp-option=option6:domain-search,", "enable-tftp");
  expect(search.at(-1)).toBe("enable-tftp");
  const resolvConf = { nameservers4: [], nameservers6: ["fd10:96::a"], search };
  await served(
    pod,
    { resolvConf },
    (service) => service,
    async () => {
      const sockets = await pod.exec(["ss", "-Hulnp"]);
      expect(sockets).toMatch(/:547\s/);
      expect(sockets).not.toMatch(/:69\s/);
    },
  );
  const dhcp6 = {
    kind: "dhcp6",
    link: "k6t-eth0",
    client: { mac: MAC, address: "fd10:0:2::2", prefix: 120 },
    leaseSeconds: 600,
  } as const;
  expect(serviceWarnings("red", [{ ...dhcp6, nameservers: [], search }])[0]).toContain("enable-tftp");
});

type Options = Readonly<Record<string, string>>;

/** What a guest's client is told; `bytes` is the longest message that it says it takes. */
async function ask(guest: TestNetns, bytes: number): Promise<Options> {
  const { options } = JSON.parse(await guest.exec([process.execPath, CLIENT, MAC, "8000", String(bytes)])) as {
    readonly options: Options;
  };
  return options;
}

const hex = (text: string): string => Buffer.from(text).toString("hex");

async function pluggedPod(
  use: (pod: TestNetns, plug: () => Promise<void>, guest: TestNetns) => Promise<void>,
): Promise<void> {
  await using pod = await TestNetns.make();
  await using outside = await TestNetns.make();
  await using guest = await TestNetns.make();
  await TestNetns.cable(outside, pod, ["v0", "eth0"], ["10.9.0.1/24", "10.9.0.2/24"], 1450);
  const plug = async (): Promise<void> => {
    await plugGuest(pod, guest, NAMES.bridge, MAC, 1450);
    await guest.exec(["ip", "route", "add", "255.255.255.255/32", "dev", "eth0"]);
  };
  await use(pod, plug, guest);
}

test.concurrent.each([
  "10.0.0.1",
  "12",
  "de:ad:be:ef",
  'quote " and backslash \\n \\t \\\\',
  "tag:red,set:blue,option:router",
  " # no comment",
  "encap:175,190",
  "ünïcödé",
  "x".repeat(255),
])("a boot file name of %j arrives as it is written", async (bootFileName) => {
  const start = bootFileName.slice(0, 12);
  await pluggedPod(async (pod, plug, guest) => {
    const nic = { hostname: "10", dhcpOptions: { ntpServers: [], privateOptions: [{ option: 224, value: start }] } };
    await served(
      pod,
      nic,
      (service) => ({ ...service, bootFileName }),
      async () => {
        await plug();
        const options = await ask(guest, 1500);
        // The server ends a text with a zero byte where there is room for one.
        expect(options[67]?.replace(/00$/, "")).toBe(hex(bootFileName));
        expect(options[224]).toBe(hex(start));
        expect(options[12]).toBe(hex("10"));
      },
    );
  });
});

test("long lists take no room from what a guest cannot do without, whatever its client takes", async () => {
  const search = Array.from({ length: 60 }, (_, at) => `a${at}.example.com`);
  const resolvConf = { nameservers4: ["10.96.0.10", "10.96.0.11", "10.96.0.12"], nameservers6: [], search };
  await pluggedPod(async (pod, plug, guest) => {
    await served(
      pod,
      { resolvConf },
      (service) => service,
      async () => {
        await plug();
        const needed = ["1", "3", "6", "12", "15", "26", "51", "54"];
        expect(Object.keys(await ask(guest, 0))).toEqual(expect.arrayContaining(needed));
        const options = await ask(guest, 1500);
        expect(Object.keys(options)).toEqual(expect.arrayContaining([...needed, "119"]));
        expect(options[119]).toContain(hex("example"));
      },
    );
  });
});
