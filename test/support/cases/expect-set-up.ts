/** Sees that a pod and its domain are what a case's golden files say. */
import { type DomainNic, domainNics } from "@netbind/domain";
import { netnsPath, type LocalPodRecord, type VmStatus } from "@netbind/local";
import { inNetns, exec } from "@netbind/netns";
import { expect } from "vitest";
import { liveXml } from "../guest/live-xml.ts";
import { readGolden } from "./cases.ts";
import type { Golden } from "./golden.ts";

/** The nftables tables of a text that hold anything, each on one line, with the members of its sets in order. */
const tables = (text: string): readonly string[] =>
  [...text.replace(/\s+/g, " ").matchAll(/table \S+ \S+ \{ (?:chain [^{]+\{(?:[^{}]|\{[^}]*\})*\} )+\}/g)]
    .map(([table]) =>
      table.replace(/\{ ([^{}]+, [^{}]+) \}/g, (_, members: string) => `{ ${members.split(", ").sort().join(", ")} }`),
    )
    .sort();

/** The pod's links, tables and servers are those of the plan, and no others. */
export async function expectPod(golden: Golden, name: string, status: VmStatus, record: LocalPodRecord): Promise<void> {
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
export async function expectDomain(golden: Golden, name: string, record: LocalPodRecord): Promise<void> {
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
