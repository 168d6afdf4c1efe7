/** What this machine's kernel and hardware lack, on a machine inside it: virtual functions, dummy links, vhost-net. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { stateDirectories } from "@netbind/local";
import { SERVICE_GROUP } from "@netbind/netns";
import { SIDECAR_MEMORY } from "../support/kube/kube-container.ts";
import type { SeenPod } from "../support/nested/attach-pod.ts";
import { NestedMachine, type NestedOutcome } from "../support/nested/nested-machine.ts";
import { ensureOvsCni } from "../support/nested/ovs-cni.ts";
import { limitedVm } from "./limited-vm.ts";
import { SRIOV_NETWORKS, sriovVm } from "./sriov-vm.ts";

let machine: NestedMachine;
let ovsCni: string;
let before: string;

/**
 * The NIC's four virtual functions, the first one with its driver, and a host outside on its wire that gives addresses and
 * knows VLAN 100.
 */
const WIRE = `
  linkOf() { for link in /sys/class/net/*; do [ "$(cat $link/address)" = "$1" ] && basename $link; done; }
  ip link set "$(linkOf 02:00:00:00:00:01)" name pf0
  ip link set "$(linkOf 02:00:00:00:00:99)" name wire
  ip link set pf0 up
  modprobe igbvf
  echo 0 > /sys/class/net/pf0/device/sriov_drivers_autoprobe
  echo 4 > /sys/class/net/pf0/device/sriov_numvfs
  echo 1 > /sys/class/net/pf0/device/sriov_drivers_autoprobe
  ip link set dev pf0 vf 0 mac 02:00:00:00:00:10
  echo 0000:01:10.0 > /sys/bus/pci/drivers/igbvf/bind
  modprobe 8021q
  ip netns add outside
  ip link set wire netns outside
  ip -n outside link set lo up
  ip -n outside addr add 192.0.2.1/24 dev wire
  ip -n outside link set wire up
  ip -n outside link add link wire name wire.100 type vlan id 100
  ip -n outside addr add 198.51.100.1/24 dev wire.100
  ip -n outside link set wire.100 up
  ip netns exec outside dnsmasq --conf-file=/dev/null --port=0 --interface=wire --bind-interfaces --no-ping \\
    --dhcp-range=192.0.2.50,192.0.2.60,1h --dhcp-leasefile=/tmp/outside.leases --pid-file=/tmp/outside.pid \\
    --log-facility=/tmp/outside.log --log-dhcp`;

const TAKEN = "all 2 virtual functions of intel.com/sriov_net are taken";

/** All that a VM could leave. Processes end while they are listed: one command reads them all, whichever fail. */
const STATE = `
  ip link show dev pf0 | grep 'vf '
  for vf in /sys/bus/pci/devices/0000:01:10.*; do echo "$vf $(readlink $vf/driver) $(cat $vf/driver_override)"; done
  find /dev/vfio /run/netbind/vms -mindepth 1 -not -name vfio 2> /dev/null || true
  find /sys/fs/cgroup -name 'netbind-*' || true
  ip netns list | sort
  ip -brief link | awk '{ print $1, $3 }' | sort
  grep -v netns /proc/self/mounts | sort
  cat /proc/[0-9]*/comm 2> /dev/null | grep -E '^(qemu|libvirtd|bwrap|dnsmasq|passt)' | sort`;

const booted = (vm: string): Promise<string> =>
  machine.sh(`
    for try in $(seq 600); do grep -q 'netbind-guest: ready' /run/netbind/vms/*/console.log && exit 0; sleep 0.5; done
    tail -n 20 /run/netbind/vms/*/console.log >&2; echo "guest ${vm} is not ready" >&2; exit 1`);

/** The domain of the one VM that is there. */
const definedXml = async (): Promise<string> =>
  JSON.parse(await machine.sh("cat /run/netbind/vms/*/record.json")).domainXml;
const pings = async (script: string): Promise<boolean> => (await machine.run(script)).code === 0;
const fromOutside = (address: string): Promise<boolean> =>
  pings(`ip netns exec outside ping -n -q -c 2 -W 3 -w 10 ${address}`);

beforeAll(async () => {
  ovsCni = await ensureOvsCni(stateDirectories(process.env).cache);
  machine = await NestedMachine.start();
  await machine.sh(WIRE);
  before = await machine.sh(STATE);
});
// What a test that failed has left is none of the others'.
afterEach(async ({ task }) => {
  if (task.result?.state !== "fail") return;
  const names = ["one", "two", "many", "switched", "limited"].map((vm) => `netbind stop --force ${vm}`);
  await machine.run([...names, "netbind gc", "ip netns delete netbind-node"].join("\n"));
});
afterAll(async () => {
  await machine?.[Symbol.asyncDispose]();
});

describe("the node agent, on a machine with the kubelet's control groups", () => {
  test("a pod's services are in a group of their own below the pod's, are counted as the pod's, and leave nothing; a sidecar does with the memory that KubeVirt gives it", async () => {
    const found = JSON.parse(await machine.sh("attach-pod")) as SeenPod;
    expect(new Set(found.services)).toEqual(new Set(["/netbind-services"]));
    expect(Object.keys(found.groups).sort()).toEqual(["", "netbind-services", "sidecar"]);
    const { "": pod, sidecar, "netbind-services": services } = found.groups;
    expect(pod?.programs).toEqual([]);
    expect(sidecar?.programs).toEqual(["node"]);
    expect(new Set(services?.programs)).toEqual(new Set(["bwrap", "dnsmasq"]));
    expect(services?.memory).toBeGreaterThan(0);
    expect(pod?.memory).toBeGreaterThanOrEqual((sidecar?.memory ?? 0) + (services?.memory ?? 0));
    expect(services?.pids).toBe(services?.programs.length);
    // Beside the pod's own limits they have theirs: a server that a guest took over takes nothing from its launcher.
    expect(services).toMatchObject({ memoryLimit: SERVICE_GROUP.memory, pidsLimit: SERVICE_GROUP.processes });
    expect(pod?.pids).toBe((sidecar?.pids ?? 0) + (services?.pids ?? 0));
    expect(found.left).toEqual([]);
    expect(found.withAgent).toContain("node");
    for (const program of ["bwrap", "dnsmasq"]) expect(found.withAgent).not.toContain(program);
    // The sidecars have what KubeVirt gives one of a guaranteed VM's, and do with it.
    const { domains, sidecar: asked } = found.asked;
    const pageSize = 4096;
    for (const group of [sidecar, asked]) {
      expect(group?.memoryLimit).toBe(SIDECAR_MEMORY - (SIDECAR_MEMORY % pageSize));
      expect(group).toMatchObject({ outOfMemory: 0, programs: ["node"] });
    }
    expect(domains.length).toBeGreaterThan(10);
    expect(new Set(domains).size).toBe(1);
    expect(domains[0]).toContain("hostfwd=tcp::80-:80");
    expect(await machine.sh(STATE)).toBe(before);
  });
});

describe("one machine whose control groups hand their controllers on", () => {
  test("a pod's parts are limited each by itself; what ran into a limit is told with it; nothing is left", async () => {
    await machine.sh("echo '+memory +pids +cpu' > /sys/fs/cgroup/cgroup.subtree_control");
    const file = machine.put("limited.yaml", limitedVm("limited"));
    const started = await machine.run(`netbind run --keep -o json --wait 600 -f ${file}`);
    expect(started.code, started.stderr).toBe(0);
    expect(started.stderr).not.toContain("only rlimits apply");
    expect(started.stderr).toContain("starting the guest (KVM)");
    expect(JSON.parse(started.stdout).nics[0].guestAddresses).toContain("10.0.2.2");
    const [group = ""] = (await machine.sh("ls -d /sys/fs/cgroup/netbind-*")).trim().split("\n");
    const inGroup = async (part: string): Promise<readonly string[]> =>
      (await machine.sh(`for pid in $(cat ${group}/${part}/cgroup.procs); do cat /proc/$pid/comm; done`))
        .trim()
        .split("\n");
    expect(await inGroup("launcher")).toEqual(
      expect.arrayContaining(["libvirtd", expect.stringMatching(/^qemu-system/)]),
    );
    expect(new Set(await inGroup("services"))).toEqual(new Set(["bwrap", "dnsmasq"]));
    expect(await inGroup("hook-sidecar-0")).toContain("bwrap");
    const limits = (part: string): Promise<string> =>
      machine.sh(`cd ${group}/${part} && cat memory.max pids.max cpu.max`);
    expect(await limits("hook-sidecar-0")).toBe(`${64_000_000 - (64_000_000 % 4096)}\n128\n100000 100000\n`);
    expect(await limits("services")).toBe(`${256 * 1024 ** 2}\n512\n100000 100000\n`);
    expect(await limits("launcher")).toMatch(/^\d{10}\n4096\n300000 100000\n$/);
    expect((await machine.run("netbind check")).code).toBe(0);

    // A sidecar that takes too much, and a server that cannot be started: both are told with the limit, and what to do.
    await machine.sh(`echo 4M > ${group}/hook-sidecar-0/memory.max`);
    await machine.sh(
      `for try in $(seq 100); do grep -q 'oom_kill [1-9]' ${group}/hook-sidecar-0/memory.events && break; sleep 0.2; done`,
    );
    const checked = await machine.run("netbind check");
    expect(checked.code).toBe(1);
    expect(checked.stdout).toContain("sidecar of binding masquerade does not answer");
    expect(checked.stdout).toMatch(
      /hook-sidecar-0: the kernel ended \d+ processes at the limit of 4194304 bytes of memory: set NETBIND_LIMIT_SCALE/,
    );
    await machine.sh(`echo 64000000 > ${group}/hook-sidecar-0/memory.max && echo 1 > ${group}/services/pids.max`);
    await machine.sh(
      `for pid in $(cat ${group}/services/cgroup.procs); do [ "$(cat /proc/$pid/comm)" != dnsmasq ] || kill "$pid"; done`,
    );
    const refused = await machine.run("netbind apply limited");
    expect(refused.code).toBe(1);
    expect(refused.stderr + refused.stdout).toMatch(
      /services: the kernel refused \d+ processes or threads at the limit of 1: set NETBIND_LIMIT_SCALE/,
    );
    await machine.sh(`echo 512 > ${group}/services/pids.max`);
    // What was repaired is what was not as it should be; the limits that were met stay what the kernel counted.
    const repaired = await machine.sh("netbind apply limited 2>&1");
    expect(repaired).toContain("service dhcp4 k6t-eth0 does not serve");
    expect(repaired).not.toContain("the kernel");
    expect((await machine.run("netbind check")).code).toBe(0);
    await machine.sh("netbind stop --force limited");
    expect(await machine.sh(STATE)).toBe(before);
  });

  test("where no user namespace can be made, a VM runs with all of its servers and sidecars, and run says so", async () => {
    const most = (await machine.sh("sysctl -n user.max_user_namespaces")).trim();
    await machine.sh("sysctl -qw user.max_user_namespaces=0");
    const file = machine.put("limited.yaml", limitedVm("limited"));
    const started = await machine.run(`netbind run --keep -o json --wait 600 -f ${file}`);
    expect(started.code, started.stderr).toBe(0);
    expect(started.stderr).toContain("user.max_user_namespaces is 0: set it to a number above 0");
    const { nics, processes } = JSON.parse(started.stdout);
    expect(nics[0].guestAddresses).toContain("10.0.2.2");
    expect(processes.every(({ alive }: { alive: boolean }) => alive)).toBe(true);
    expect((await machine.run("netbind check")).code).toBe(0);
    await machine.sh("netbind stop limited");
    await machine.sh(`sysctl -qw user.max_user_namespaces=${most}`);
    expect(await machine.sh(STATE)).toBe(before);
  });
});

describe("bridge, on a kernel with dummy links and vhost-net", () => {
  const VM = `\
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: { name: many }
spec:
  domain:
    cpu: { cores: 2 }
    memory: { guest: 192Mi }
    devices:
      networkInterfaceMultiqueue: true
      interfaces: [{ name: red, bridge: {} }]
  networks: [{ name: red, pod: {} }]
`;

  test("the placeholder is a dummy; vhost moves the packets of two queues; nothing is left", async () => {
    const { nics, netns } = JSON.parse(
      await machine.sh(`netbind run --keep -o json --wait 600 -f ${machine.put("many.yaml", VM)}`),
    );
    const [pod = ""] = nics[0].guestAddresses;
    expect(pod).toMatch(/^10\.244\./);
    expect(await machine.sh(`ip -n ${netns} -details addr show eth0`)).toMatch(
      new RegExp(`\\sdummy [\\s\\S]*inet ${pod}/24 `),
    );
    expect(await definedXml()).toContain("<driver name='vhost' queues='2'/>");
    const qemu = (await machine.sh("pgrep qemu-system")).trim();
    expect((await machine.sh(`ls -l /proc/${qemu}/fd`)).match(/\/dev\/vhost-net/g)).toHaveLength(2);
    await booted("many");
    expect(await machine.inGuest("many", "ls /sys/class/net/eth0/queues")).toMatch(/rx-1[\s\S]*tx-1/);
    // A thread of the kernel's for each queue pair, which wakes up for packets.
    const woken = async (): Promise<readonly number[]> =>
      (
        await machine.sh(
          `grep -l ^vhost- /proc/${qemu}/task/*/comm | while read -r f; do grep ^voluntary "\${f%comm}status"; done`,
        )
      )
        .trim()
        .split("\n")
        .map((line) => Number(line.split(/\s+/)[1]));
    const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
    const asleep = await woken();
    expect(asleep).toHaveLength(2);
    expect(await pings(`ip netns exec netbind-node ping -n -q -c 20 -i 0.2 -W 3 -w 20 ${pod}`)).toBe(true);
    expect(sum(await woken()) - sum(asleep)).toBeGreaterThanOrEqual(20);
    expect((await machine.run("netbind check")).code).toBe(0);
    await machine.sh("netbind stop many");
    expect(await machine.sh(STATE)).toBe(before);
  });
});

describe("the guide's secondary network on Open vSwitch", () => {
  const NETWORKS = `\
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: { name: ovs-vlan-100 }
spec: { config: '{ "cniVersion": "0.4.0", "type": "ovs", "bridge": "br1", "vlan": 100 }' }
`;
  const VM = `\
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: { name: switched }
spec:
  domain:
    memory: { guest: 192Mi }
    devices:
      interfaces:
        - { name: default, masquerade: {} }
        - { name: ovs-net, bridge: {} }
  networks:
    - { name: default, pod: {} }
    - { name: ovs-net, multus: { networkName: ovs-vlan-100 } }
${NETWORKS}`;
  /** The switch is on the node, where CNI plugins work; a port of the VM's VLAN and one of another have a host each. */
  const SWITCH = `
    mkdir -p /opt/cni/bin && cp "$OVS_CNI" /opt/cni/bin/ovs
    ip netns add netbind-node
    ip -n netbind-node link set lo up
    ip netns exec netbind-node /usr/share/openvswitch/scripts/ovs-ctl start --system-id=nested --no-ovs-vswitchd > /dev/null
    ip netns exec netbind-node /usr/share/openvswitch/scripts/ovs-ctl start --system-id=nested --no-ovsdb-server > /dev/null
    ovs-vsctl add-br br1 -- add-port br1 same tag=100 -- set interface same type=internal -- add-port br1 other tag=200 -- set interface other type=internal
    for port in same other; do
      ip netns add $port
      ip -n netbind-node link set $port netns $port
      ip -n $port addr add 198.51.100.1/24 dev $port
      ip -n $port link set $port up
    done`;

  test("the guest has the pod network, and a port of its VLAN; nothing is left", async () => {
    await machine.sh(`OVS_CNI='${ovsCni}'\n${SWITCH}`);
    const { nics } = JSON.parse(
      await machine.sh(`netbind run --keep -o json --wait 0 -f ${machine.put("switched.yaml", VM)}`),
    );
    expect(nics).toMatchObject([
      { name: "default", binding: "masquerade" },
      { name: "ovs-net", binding: "bridge" },
    ]);
    const ports = (): Promise<string> => machine.sh("ovs-vsctl --columns=name,tag find port tag=100");
    expect((await ports()).match(/tag/g)).toHaveLength(2);
    await booted("switched");
    await machine.inGuest("switched", "ip addr add 198.51.100.2/24 dev eth1; ip link set eth1 up");
    const ping = (place: string): Promise<boolean> =>
      pings(`ip netns exec ${place} ping -n -q -c 2 -W 3 -w 10 198.51.100.2`);
    expect(await ping("same")).toBe(true);
    expect(await ping("other")).toBe(false);
    expect((await machine.run("netbind check")).code).toBe(0);
    await machine.sh("netbind stop switched");
    expect((await ports()).match(/tag/g)).toHaveLength(1);
    await machine.sh(`
      ip netns delete same; ip netns delete other
      ovs-vsctl del-br br1
      /usr/share/openvswitch/scripts/ovs-ctl stop > /dev/null
      ip netns delete netbind-node 2> /dev/null || true`);
    expect(await machine.sh(STATE)).toBe(before);
  });
});

describe("sriov, with virtual functions of a real driver's and a guest that drives them", () => {
  test("the guest has its network's function, set up as sriov-cni does; hot-unplugged and plugged; nothing is left", async () => {
    const file = machine.put("sriov.yaml", sriovVm("one", ["plain", "tagged"]) + SRIOV_NETWORKS);
    const { nics } = JSON.parse(await machine.sh(`netbind run --keep -o json --wait 0 -f ${file}`));
    expect(nics).toMatchObject([
      { name: "plain", binding: "sriov", mac: "02:00:00:00:0f:01" },
      { name: "tagged", binding: "sriov", mac: expect.stringMatching(/^02:/) },
    ]);
    const vfs = await machine.sh("ip link show dev pf0 | grep 'vf '");
    expect(vfs).toMatch(/vf 0 .*02:00:00:00:0f:01.*spoof checking on/);
    expect(vfs).toMatch(new RegExp(`vf 1 .*${nics[1].mac}.*vlan 100.*spoof checking off.*trust on`));

    const xml = await definedXml();
    expect(xml.match(/<hostdev /g)).toHaveLength(2);
    expect(xml.match(/<alias name='ua-sriov-(plain|tagged)'\/>/g)).toHaveLength(2);
    expect(xml).not.toContain("<interface");

    await booted("one");
    const inside = await machine.inGuest(
      "one",
      "for link in /sys/class/net/e*; do echo $(basename $link) $(cat $link/address) $(readlink $link/device) $(basename $(readlink $link/device/driver)); done; ip -4 addr",
    );
    const [, plain = ""] = /(eth\d) 02:00:00:00:0f:01 \S*0000:05:00\.0 igbvf/.exec(inside) ?? [];
    const [, tagged = ""] = new RegExp(`(eth\\d) ${nics[1].mac} \\S+ igbvf`).exec(inside) ?? [];
    expect([plain, tagged].sort(), inside).toEqual(["eth0", "eth1"]);

    const address = (await machine.sh("cut -d' ' -f3 /tmp/outside.leases")).trim();
    expect(inside).toContain(`${address}/24`);
    expect(await fromOutside(address)).toBe(true);
    // The network's VLAN is put on and taken off outside the guest.
    await machine.inGuest("one", `ip addr add 198.51.100.2/24 dev ${tagged}`);
    expect(await fromOutside("198.51.100.2")).toBe(true);
    // A change of it cuts the guest off: that is reported, and repaired.
    await machine.sh("ip link set dev pf0 vf 0 mac 02:00:00:00:0f:67 vlan 100 spoofchk off trust on");
    expect(await fromOutside(address)).toBe(false);
    const reported = await machine.run("netbind check");
    expect(reported.code, reported.stderr).toBe(1);
    for (const what of ["MAC address is 02:00:00:00:0f:67", "VLAN is 100, not 0", "spoof check is off", "trust is on"])
      expect(reported.stdout).toContain(`NIC plain: its virtual function's ${what}`);
    await machine.sh("netbind apply one");
    expect(await fromOutside(address)).toBe(true);
    expect(await machine.sh("ip link show dev pf0 | grep 'vf '")).toBe(vfs);
    // The function's MAC address was set for it: its guest cannot take another, unless its network trusts it. A spoof check
    // cannot be seen at work here: QEMU's NIC keeps the setting, and sends what it is given all the same.
    const taken = (link: string): Promise<string> =>
      machine.inGuest("one", `ip link set ${link} address 02:00:00:00:0f:66; cat /sys/class/net/${link}/address`);
    expect(await taken(plain)).toMatch(/^02:00:00:00:0f:01$/m);
    expect(await taken(tagged)).toMatch(/^02:00:00:00:0f:66$/m);
    expect(await fromOutside(address)).toBe(true);

    // Nobody else gets what it has; it runs on.
    const file2 = machine.put("two.yaml", sriovVm("two", ["forced"]) + SRIOV_NETWORKS);
    const other = await machine.run(`netbind run --keep --wait 0 -f ${file2}`);
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining(TAKEN) });
    expect(await machine.sh("netbind check")).toBe("default/one: healthy\n");
    await machine.sh("netbind detach-nic one plain");
    expect(await machine.inGuest("one", "grep -l 0f:01 /sys/class/net/e*/address || echo gone")).toContain("gone");
    expect(await fromOutside(address)).toBe(false);
    const networks = machine.put("networks.yaml", SRIOV_NETWORKS);
    await machine.sh(
      `netbind attach-nic one plain --network plain --binding sriov --mac 02:00:00:00:0f:01 --wait 0 -f ${networks}`,
    );
    await machine.inGuest("one", `ip link set ${plain} up; ip addr add ${address}/24 dev ${plain}`);
    expect(await fromOutside(address)).toBe(true);

    await machine.sh("netbind stop one");
    expect(await machine.sh(STATE)).toBe(before);
  });

  test("a QEMU that died, and a netbind that was killed, leave functions that gc gives back", async () => {
    const file = machine.put("gone.yaml", sriovVm("one", ["plain"]) + SRIOV_NETWORKS);
    await machine.sh(`netbind run --keep -o json --wait 0 -f ${file}`);
    await machine.sh("kill -9 $(pgrep qemu-system); sleep 1");
    // The functions are the machine's: they are given back without a node too.
    await machine.sh("ip netns delete netbind-node; netbind gc");
    expect(await machine.sh(STATE)).toBe(before);
    // Killed where its function is vfio's already, and the guest is not there yet.
    await machine.run(`
      netbind run --keep --wait 0 -f ${file} & started=$!
      while ! readlink /sys/bus/pci/devices/0000:01:10.0/driver | grep -q vfio; do sleep 0.05; done
      kill -9 $started`);
    await machine.sh("netbind gc");
    expect(await machine.sh(STATE)).toBe(before);
  });

  test("what is in the way is told, and nothing is left", async () => {
    const run = (name: string, text: string, before = ""): Promise<NestedOutcome> =>
      machine.run(`${before} netbind run --keep --wait 0 -f ${machine.put(name, text)}`);
    // The third of them finds none: the two that were there for it are given back.
    expect(await run("full.yaml", sriovVm("one", ["plain", "tagged", "forced"]) + SRIOV_NETWORKS)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(TAKEN),
    });
    // What this NIC's driver does not set is not set back either.
    expect(await run("forced.yaml", sriovVm("one", ["plain", "forced"]) + SRIOV_NETWORKS)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/state enable.*Operation not supported/),
    });
    const poor = "prlimit --memlock=65536:65536 -- setpriv --bounding-set=-sys_resource";
    expect(await run("one.yaml", sriovVm("one", ["plain"]) + SRIOV_NETWORKS, poor)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("this process may lock at most 65536"),
    });
    const wrong = SRIOV_NETWORKS.replace('"vlan":100', '"vlan":4095').replace("pf0#0-1", "pf9");
    const { code, stderr } = await run("wrong.yaml", sriovVm("one", ["plain", "tagged"]) + wrong);
    expect(code, stderr).toBe(3);
    expect(stderr.match(/this machine has no virtual function for intel.com\/sriov_net/g)).toHaveLength(2);
    expect(stderr).toContain("vlan 4095, which is not a VLAN from 0 to 4094");
    expect(await machine.sh(STATE)).toBe(before);
  });
});
