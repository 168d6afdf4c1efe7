/** A VM that migrates between the pods of two nodes. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { ApiHistory } from "../support/cluster/api-history.ts";
import { expectPage, logOnFailure, podNic, PORT, proveEnd, proveTraffic, vmWith } from "../support/cluster/journey.ts";
import { MIGRATION, migrationMilestonesOf } from "../support/cluster/milestones.ts";
import { inClient, makeService } from "../support/cluster/services.ts";
import { type ClusterVm, VmCluster } from "../support/cluster/vm-cluster.ts";

/** A guest boots in each on an emulated processor, and moves. */
const LONG = { timeout: 600_000 } as const;

let cluster: VmCluster;
beforeAll(async () => {
  cluster = await VmCluster.up({ purpose: "migration", bindings: ["masquerade", "passt"], nodes: 2 });
});
afterAll(() => cluster[Symbol.asyncDispose]());

/** What its guest has of its network. */
const networkOf = async ({ guest }: ClusterVm): Promise<string> =>
  (await guest.inGuest("cat /sys/class/net/eth0/address; ip -o addr show dev eth0 scope global; ip route")).replaceAll(
    /valid_lft \S+ preferred_lft \S+/g,
    "",
  );
const uptimeOf = async ({ guest }: ClusterVm): Promise<number> =>
  Number(/^(\d+\.\d+) /m.exec(await guest.inGuest("cat /proc/uptime"))?.[1]);

let connections = 0;
/** Sends half of a request to the guest. Gives what sends the rest by the same connection, and then what was answered. */
async function openRequest(at: string): Promise<() => Promise<string>> {
  const [rest, answer] = [`/tmp/rest-${connections}`, `/tmp/answer-${connections++}`];
  const wait = `while [ ! -e ${rest} ]; do sleep 0.2; done`;
  const said = `printf 'GET / HTTP/1.0\\r\\n'; ${wait}; printf '\\r\\n'; sleep 5`;
  await inClient(cluster.api, `(${said}) </dev/null 2>/dev/null | nc -w 5 ${at} ${PORT} >${answer} 2>&1 &`);
  return () => inClient(cluster.api, `: >${rest}; sleep 6; cat ${answer}`);
}

test(
  "masquerade: the guest goes on with its address in the next pod, whose agent attached it before",
  LONG,
  async () => {
    logOnFailure(cluster, "mig");
    const source = await cluster.start(vmWith("mig", [podNic("masquerade")]));
    await proveTraffic(cluster, source, ["IPv4", "IPv6"]);
    const services = await makeService(cluster.api, { name: "mig", port: PORT, families: ["IPv4", "IPv6"] });
    expect(await (await openRequest(services[0] ?? ""))()).toContain("from-mig");
    const open = await openRequest(services[0] ?? "");
    const [network, uptime] = [await networkOf(source), await uptimeOf(source)];
    expect(network).toContain("10.0.2.2/24");
    await using history = await ApiHistory.of(cluster.api, "default");
    const target = await cluster.migrate(source);
    await expect.poll(() => migrationMilestonesOf(history.moments), { timeout: 10_000 }).toEqual(MIGRATION);
    expect(target.scheduled.pod.spec.nodeName).not.toBe(source.scheduled.pod.spec.nodeName);
    // The target's hooks are asked for the domain once.
    expect(target.events.filter(({ event }) => event === "defined").length).toBe(1);
    expect(await networkOf(target)).toBe(network);
    expect(await uptimeOf(target)).toBeGreaterThan(uptime);
    // Its lease is renewed by the server of the next pod.
    expect(await target.guest.inGuest("udhcpc -i eth0 -n -q -t 10 2>&1")).toMatch(/lease of 10\.0\.2\.2 obtained/);
    for (const at of services) await expectPage(cluster, "from-mig", at);
    // As explain says: connections from outside end with the pod that they were made to.
    expect(await open()).not.toContain("from-mig");
    await source.scheduled.objects.awaitPod(source.scheduled.pod, ({ status }) => status.phase === "Succeeded");
    await proveEnd(cluster, target);
  },
);

/**
 * What a guest does for the addresses of its next pod, as it does when it starts. passt goes on to send to the address that
 * it saw last, until the guest sends something itself.
 */
const ASK = [
  "udhcpc -i eth0 -s /udhcpc-script -n -q -t 10 2>&1",
  "udhcpc6 -i eth0 -s /udhcpc6-script -n -q -t 10 2>&1",
  "ping -c 1 -w 10 $(ip route | sed -n 's/^default via \\([^ ]*\\).*/\\1/p')",
].join("; ");

test("passt: the guest goes on in the next pod, and has its addresses once it asks for them", LONG, async () => {
  logOnFailure(cluster, "passt-mig");
  const source = await cluster.start(vmWith("passt-mig", [podNic("passt")]));
  await proveTraffic(cluster, source, ["IPv4", "IPv6"]);
  const services = await makeService(cluster.api, { name: "passt-mig", port: PORT, families: ["IPv4", "IPv6"] });
  const uptime = await uptimeOf(source);
  const target = await cluster.migrate(source);
  const { spec, status } = target.scheduled.pod;
  expect(spec.nodeName).not.toBe(source.scheduled.pod.spec.nodeName);
  expect(await uptimeOf(target)).toBeGreaterThan(uptime);
  // It is reached at its next pod's addresses before it knows them.
  for (const at of services) await expectPage(cluster, "from-passt-mig", at);
  await target.guest.inGuest(ASK);
  const network = await networkOf(target);
  for (const { ip } of status.podIPs ?? []) expect(network).toContain(` ${ip}/`);
  for (const at of services) await expectPage(cluster, "from-passt-mig", at);
  await proveEnd(cluster, target);
});
