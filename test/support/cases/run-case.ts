/** Golden cases on this machine: what `run` makes of a case's own files is what its golden files say. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DomainNic, domainNics } from "@netbind/domain";
import {
  ensureImage,
  findVm,
  listVms,
  netnsPath,
  stateDirectories,
  type LocalPodRecord,
  type VmStatus,
} from "@netbind/local";
import { inNetns, exec } from "@netbind/netns";
import { expect } from "vitest";
import { CASES, hasGolden, inputArgs, listedCases, POD_LINK, readGolden } from "./cases.ts";
import { type GuestNic, guestNics } from "../guest/guest-nics.ts";
import { isBooted } from "../guest/is-booted.ts";
import { expectInGuest, type Lab } from "../guest/lab.ts";
import { liveXml } from "../guest/live-xml.ts";
import { netbind } from "../guest/netbind.ts";
import { TestNetns } from "../netns/netns.ts";

/** A server as `plan.json` has it. */
interface GoldenService {
  readonly kind: string;
  readonly client?: { readonly address: string; readonly prefix: number };
  readonly server?: string;
  readonly router?: string;
  readonly hostname?: string;
  readonly mtu?: number;
  readonly bootFileName?: string;
  readonly tftpServerName?: string;
  readonly ntpServers?: readonly string[];
  readonly privateOptions?: readonly { readonly option: number; readonly value: string }[];
}

/** A NIC as `plan.json` has it. */
interface GoldenNic {
  readonly name: string;
  readonly binding: string;
  readonly pod: { readonly mac: string; readonly mtu: number; readonly addresses: readonly string[] };
  readonly queues?: number;
  readonly links: readonly { readonly kind: string; readonly name: string; readonly mtu: number }[];
  readonly services: readonly GoldenService[];
  readonly processes: readonly { readonly role: string }[];
  readonly domain: { readonly kind: string };
}

/** What a case's golden files say. */
interface Golden {
  readonly nics: readonly GoldenNic[];
  readonly domain: string;
  /** The bindings that have a sidecar, by name. */
  readonly sidecars: readonly string[];
  readonly warnings: readonly string[];
}

/** What `plan` takes for the MAC address of a link that nobody made yet. */
const ASSUMED_MAC = /^02:00:00:00:aa:/;
/** A binding that KubeVirt's libvirt knows nothing of: its device is among QEMU's arguments. */
const USER_NETWORK_MAC = /&quot;mac&quot;:&quot;([0-9a-f:]{17})/;
const PCI_ADDRESS = /<address type='pci' domain='0x(\w+)' bus='0x(\w+)' slot='0x(\w+)' function='0x(\w)'/;
const ETHERNET_MTU = 1500;
/** passt's own, by its own DHCP: no packet of its guest is one of the pod's. */
const PASST_MTU = 65_520;

/** What guests have that no server of the plan gave them: of QEMU's own network, or the pod's by passt. */
const ADDRESSES: Readonly<Record<string, readonly string[]>> = {
  slirp: ["inet 10.0.2.15/24"],
  passt: ["inet 10.244.0.2/24", "inet6 fd10:244::2/128"],
};

const withoutPrefix = (address: string): string => address.replace(/\/\d+$/, "");

function readCase(name: string): Golden {
  const pod = JSON.parse(readGolden(name, "pod")) as {
    readonly spec: {
      readonly containers: readonly { readonly env?: readonly { readonly name: string; readonly value: string }[] }[];
    };
  };
  const plugins = pod.spec.containers.flatMap(({ env = [] }) =>
    env.filter((one) => one.name === "NETWORK_BINDING_PLUGIN_NAME"),
  );
  return {
    nics: JSON.parse(readGolden(name, "plan")) as readonly GoldenNic[],
    domain: readGolden(name, "domain"),
    sidecars: plugins.map(({ value }) => value).sort(),
    warnings: hasGolden(name, "warnings") ? readGolden(name, "warnings").trim().split("\n") : [],
  };
}

/** The pod network of a case whose pod link is another than the one that is assumed. */
function podNetworkArgs(lab: Lab, name: string): readonly string[] {
  let link: { readonly mtu: number; readonly addresses: readonly string[] };
  try {
    link = JSON.parse(readFileSync(join(CASES, name, POD_LINK), "utf8")) as typeof link;
  } catch {
    return [];
  }
  const { mtu, addresses } = link;
  const ranges = addresses.map((address) => [{ subnet: address.replace(/\b2\//, "0/").replace("::0/", "::/") }]);
  const routes = addresses.map((address) => ({ dst: address.includes(":") ? "::/0" : "0.0.0.0/0" }));
  const plugin = { type: "bridge", bridge: "cni0", isGateway: true, mtu, ipam: { type: "host-local", ranges, routes } };
  const file = join(lab.directory, "pods.conflist");
  writeFileSync(file, JSON.stringify({ cniVersion: "1.0.0", name: "pods", plugins: [plugin] }));
  return ["--pod-network", file];
}

/** The MAC address that a NIC is to have: the golden one, or where the pod's link has one that nobody foresees, that one. */
function macOf({ name, pod }: GoldenNic, { domain }: Golden, record: LocalPodRecord): string {
  const golden = domainNics(domain).find((nic) => nic.name === name)?.mac ?? USER_NETWORK_MAC.exec(domain)?.[1] ?? "";
  expect(golden, name).not.toBe("");
  if (golden !== pod.mac || !ASSUMED_MAC.test(golden)) return golden;
  return record.nics[name]?.podLink?.mac ?? expect.fail(`NIC ${name} was not observed`);
}

/** The nftables tables of a text that hold anything, each on one line, with the members of its sets in order. */
const tables = (text: string): readonly string[] =>
  [...text.replace(/\s+/g, " ").matchAll(/table \S+ \S+ \{ (?:chain [^{]+\{(?:[^{}]|\{[^}]*\})*\} )+\}/g)]
    .map(([table]) =>
      table.replace(/\{ ([^{}]+, [^{}]+) \}/g, (_, members: string) => `{ ${members.split(", ").sort().join(", ")} }`),
    )
    .sort();

/** The pod's links, tables and servers are those of the plan, and no others. */
async function expectPod(golden: Golden, name: string, status: VmStatus, record: LocalPodRecord): Promise<void> {
  const inPod = inNetns(netnsPath(record.netns), exec);
  const links = JSON.parse(await inPod(["ip", "-json", "link", "show"])) as readonly {
    readonly ifname: string;
    readonly mtu: number;
  }[];
  for (const link of golden.nics.flatMap((nic) => nic.links))
    expect(links, `${name}: ${link.kind} ${link.name}`).toContainEqual(
      expect.objectContaining({ ifname: link.name, mtu: link.mtu }),
    );
  expect(tables(await inPod(["nft", "--numeric-priority", "--stateless", "list", "ruleset"])), name).toEqual(
    tables(readGolden(name, "nft")),
  );
  const roles = status.processes.filter(({ alive }) => alive).map(({ role }) => role);
  expect(roles.filter((role) => /^(dhcp4|ipv6) /.test(role)).sort(), name).toEqual(
    golden.nics.flatMap(({ processes }) => processes.map(({ role }) => role)).sort(),
  );
  const sidecars = roles.filter((role) => role.startsWith("sidecar ")).sort();
  expect(sidecars, name).toEqual(golden.sidecars.map((binding) => `sidecar ${binding}`));
}

/** The lines of a NIC's element that libvirt gives back as they were written. */
const linesOf = ({ xml }: DomainNic): readonly string[] =>
  xml
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => !/^<(mac|driver|address|interface)\b|^<\//.test(line));

/** The domain that runs has the golden one's NICs. */
async function expectDomain(golden: Golden, name: string, record: LocalPodRecord): Promise<void> {
  const live = domainNics(await liveXml(record));
  const desired = domainNics(golden.domain);
  expect(
    live.map((nic) => [nic.name, nic.kind, nic.target, nic.queues]),
    name,
  ).toEqual(
    desired.map((nic) => [
      nic.name,
      nic.kind,
      nic.target ?? live.find((one) => one.name === nic.name)?.target,
      nic.queues,
    ]),
  );
  for (const nic of desired) {
    const xml = live.find((one) => one.name === nic.name)?.xml ?? "";
    expect(/<interface type='\w+'/.exec(xml)?.[0], name).toBe(/<interface type='\w+'/.exec(nic.xml)?.[0]);
    for (const line of linesOf(nic)) expect(xml, name).toContain(line);
  }
}

/** What a NIC's model is to its guest. */
const driverOf = (nic: DomainNic | undefined): string => {
  const model = /<model type='([\w-]+)'/.exec(nic?.xml ?? "")?.[1] ?? "virtio";
  return model.startsWith("virtio") ? "virtio_net" : model;
};

/** What a guest's DHCP client has heard of a server, line by line. */
const leaseOf = (service: GoldenService): readonly string[] => [
  `ip=${service.client?.address}`,
  `mask=${service.client?.prefix}`,
  `serverid=${service.server}`,
  `router=${service.router ?? ""}`,
  `hostname=${service.hostname}`,
  `mtu=${service.mtu}`,
  `bootfile=${service.bootFileName ?? ""}`,
  `tftp=${service.tftpServerName ?? ""}`,
  `ntpsrv=${service.ntpServers?.join(" ")}`,
  ...(service.privateOptions ?? []).map(({ option, value }) => `opt${option}=${Buffer.from(value).toString("hex")}`),
];

/** Each NIC that the plan serves has its lease, and no other has one. */
async function expectLeases(
  golden: Golden,
  name: string,
  lab: Lab,
  record: LocalPodRecord,
  found: ReadonlyMap<string, GuestNic>,
): Promise<void> {
  const reported = await lab.inGuest(record.name, "for f in /run/lease.eth*; do [ -e $f ] && cat $f; done; true");
  const leases = reported.split(/^(?=interface=)/m).map((text) => text.split("\n").map((line) => line.trim()));
  for (const nic of golden.nics.filter(({ binding }) => !Object.hasOwn(ADDRESSES, binding))) {
    const interfaceName = found.get(macOf(nic, golden, record))?.name;
    const lease = leases.find(([first]) => first === `interface=${interfaceName}`);
    const service = nic.services.find(({ kind }) => kind === "dhcp4");
    if (service === undefined) expect(lease, `${name}: NIC ${nic.name}`).toBeUndefined();
    else expect(lease, `${name}: NIC ${nic.name}`).toEqual(expect.arrayContaining([...leaseOf(service)]));
  }
}

/** A guest's NICs are as many as the case says, and each is what it says. */
async function expectGuest(golden: Golden, name: string, lab: Lab, record: LocalPodRecord): Promise<void> {
  await lab.booted(record.name);
  const found = await guestNics(lab, record.name);
  expect([...found.keys()].sort(), name).toEqual(golden.nics.map((nic) => macOf(nic, golden, record)).sort());
  for (const nic of golden.nics) {
    const element = domainNics(golden.domain).find((one) => one.name === nic.name);
    const driver = driverOf(element);
    const reported =
      driver === "virtio_net"
        ? element?.xml.includes("<mtu ") === true
        : nic.services.some(({ kind }) => kind === "dhcp4");
    const untold = nic.binding === "passt" ? PASST_MTU : ETHERNET_MTU;
    const [, ...place] = PCI_ADDRESS.exec(element?.xml ?? "") ?? [];
    const desired: Partial<GuestNic> = {
      ...{ driver, carrier: "1", rxQueues: nic.queues ?? 1, mtu: reported ? nic.pod.mtu : untold },
      ...(place.length === 0 ? {} : { pci: `${place.slice(0, 3).join(":")}.${place[3]}` }),
    };
    expect(found.get(macOf(nic, golden, record)), `${name}: NIC ${nic.name}`).toMatchObject(desired);
  }
  await expectLeases(golden, name, lab, record, found);
}

/**
 * How QEMU failed at emulating several processors while a guest booted; undefined where it did not. Without KVM it runs them
 * side by side, and now and then ends by an assertion of its own, or its guest stands still: neither says anything of a network.
 */
function failedEmulation(lab: Lab, stderr: string, wait: number): string | undefined {
  const [record] = listVms(lab.state);
  const { cores = 1, sockets = 1, threads = 1 } = record?.vmi.spec.domain.cpu ?? {};
  if (record === undefined || !stderr.includes("(TCG: ") || cores * sockets * threads === 1) return undefined;
  const crash = /crashed or was killed: .*Assertion.*/.exec(stderr)?.[0];
  if (crash !== undefined || wait === 0) return crash;
  return isBooted(join(lab.state.podDirectory(record.id), "console.log")) ? undefined : "the guest stands still";
}

const ATTEMPTS = 3;

/** Starts a case as a person does, in its folder; once more where QEMU's emulation failed. */
async function start(
  lab: Lab,
  machine: TestNetns,
  name: string,
  golden: Golden,
  wait: number,
  attempt = 1,
): Promise<VmStatus> {
  const args = [
    "run",
    "--keep",
    "-o",
    "json",
    "--wait",
    String(wait),
    ...podNetworkArgs(lab, name),
    ...inputArgs(name),
  ];
  const { code, stdout, stderr } = await netbind(args, { cwd: join(CASES, name), env: lab.env, netns: machine.path });
  const failed = attempt < ATTEMPTS ? failedEmulation(lab, stderr, wait) : undefined;
  if (failed !== undefined) {
    console.log(`${name}: ${failed}: it is started again`);
    await netbind(["stop", "--force", ...listVms(lab.state).map((vm) => `${vm.namespace}/${vm.name}`)], {
      env: lab.env,
    });
    return start(lab, machine, name, golden, wait, attempt + 1);
  }
  expect(code, `${name}: ${stderr}`).toBe(0);
  // Beside what plan says, a machine says which disks it cannot have, and what it cannot limit.
  const warnings = stderr
    .split("\n")
    .filter((line) =>
      /^(?:netbind: warning: (?!volume "|netbind cannot boot a disk |only rlimits apply)|.*:\d+:\d+: warning: | {4}fix: )/.test(
        line,
      ),
    );
  expect(warnings, name).toEqual(golden.warnings);
  return JSON.parse(stdout) as VmStatus;
}

/** Runs a case, and compares all that `run` made with its golden files. Gives what was reported, while the VM runs. */
async function runCase(lab: Lab, machine: TestNetns, name: string, guest: boolean): Promise<VmStatus> {
  const golden = readCase(name);
  const status = await start(lab, machine, name, golden, guest ? 120 : 0);
  const record = findVm(lab.state, `${status.namespace}/${status.name}`);
  const addressesOf = (nic: GoldenNic): readonly string[] =>
    nic.services.flatMap(({ client }) => client?.address ?? []);
  const isAttached = new Set(domainNics(golden.domain).map((nic) => nic.name));
  expect(
    status.nics.map(({ ports: _, traffic: __, ...nic }) => nic),
    name,
  ).toEqual(
    golden.nics.map((nic) => ({
      name: nic.name,
      binding: nic.binding,
      mac: macOf(nic, golden, record),
      podAddresses: nic.pod.addresses.map(withoutPrefix),
      guestAddresses: guest ? addressesOf(nic) : expect.any(Array),
      plannedAddresses: addressesOf(nic).length,
      ...(nic.domain.kind === "tap" ? { mtu: nic.pod.mtu } : {}),
      ...(isAttached.has(nic.name) ? { queueCount: nic.queues ?? 1 } : {}),
    })),
  );
  await expectPod(golden, name, status, record);
  await expectDomain(golden, name, record);
  if (guest) await expectGuest(golden, name, lab, record);
  const checked = await netbind(["check"], { env: lab.env });
  expect(checked.code, `${name}: ${checked.stdout}`).toBe(0);
  return status;
}

/** The cases that the table says a test file tries, in the table's order. */
export const casesTriedBy = (file: string): readonly string[] =>
  listedCases()
    .filter(({ guests }) => guests.includes(file))
    .map(({ name }) => name);

/**
 * Tries a case on a machine of its own, a namespace with a link `eth0`: all that `run` makes is what the golden files say
 * (the report, the pod, the domain, and with `guest` what the guest itself has), and nothing is left when the VM is stopped.
 */
export async function tryCase(lab: Lab, name: string, guest: boolean): Promise<void> {
  await ensureImage(exec, stateDirectories(process.env).cache, () => undefined);
  await using machine = await TestNetns.make();
  await using lan = await TestNetns.make();
  await TestNetns.cable(machine, lan, ["eth0", "lan0"], ["10.254.0.9/24", "10.254.0.1/24"], ETHERNET_MTU);
  const status = await runCase(lab, machine, name, guest);
  const vm = `${status.namespace}/${status.name}`;
  if (guest)
    for (const { binding } of status.nics) await expectInGuest(lab, vm, "ip addr show", ADDRESSES[binding] ?? []);
  await lab.stop(vm);
}
