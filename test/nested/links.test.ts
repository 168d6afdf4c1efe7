/** Links that this machine's kernel lacks, on a machine inside it: dummy, vhost-net, Open vSwitch. */
import { beforeAll, describe, expect, test } from "vitest";
import { stateDirectories } from "@netbind/local";
import { answers, isSilent, useNestedLab } from "../support/nested/nested-lab.ts";
import { ensureOvsCni } from "../support/nested/ovs-cni.ts";

let ovsCni: string;
beforeAll(async () => {
  ovsCni = await ensureOvsCni(stateDirectories(process.env).cache);
});
const lab = useNestedLab(["many", "switched"], () => Promise.resolve());

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

  /** How often each of the kernel's threads for a queue pair woke up, for packets. */
  async function woken(qemu: string): Promise<readonly number[]> {
    const counts = await lab.machine.sh(
      `grep -l ^vhost- /proc/${qemu}/task/*/comm | while read -r f; do grep ^voluntary "\${f%comm}status"; done`,
    );
    return counts
      .trim()
      .split("\n")
      .map((line) => Number(line.split(/\s+/)[1]));
  }
  const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);

  test("the placeholder is a dummy; vhost moves the packets of two queues; nothing is left", async () => {
    const { machine } = lab;
    const { nics, netns } = (await lab.start("many", VM, 600)).vm;
    const pod = nics[0]?.guestAddresses[0] ?? "";
    expect(pod).toMatch(/^10\.244\./);
    expect(await machine.sh(`ip -n ${netns} -details addr show eth0`)).toMatch(
      new RegExp(`\\sdummy [\\s\\S]*inet ${pod}/24 `),
    );
    expect(await lab.definedXml()).toContain("<driver name='vhost' queues='2'/>");
    const qemu = (await machine.sh("pgrep qemu-system")).trim();
    expect((await machine.sh(`ls -l /proc/${qemu}/fd`)).match(/\/dev\/vhost-net/g)).toHaveLength(2);
    await lab.booted();
    expect(await machine.inGuest("many", "ls /sys/class/net/eth0/queues")).toMatch(/rx-1[\s\S]*tx-1/);
    const asleep = await woken(qemu);
    expect(asleep).toHaveLength(2);
    expect(await answers(machine, "netbind-node", pod)).toBe(true);
    await machine.sh(`ip netns exec netbind-node ping -n -q -c 20 -i 0.2 -W 3 ${pod}`);
    expect(sum(await woken(qemu)) - sum(asleep)).toBeGreaterThanOrEqual(20);
    await lab.expectHealthy();
    await machine.sh("netbind stop many");
    await lab.expectClean();
  });
});

describe("the guide's secondary network on Open vSwitch", () => {
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
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: { name: ovs-vlan-100 }
spec: { config: '{ "cniVersion": "0.4.0", "type": "ovs", "bridge": "br1", "vlan": 100 }' }
`;
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

  const STOP_SWITCH = `
    ip netns delete same; ip netns delete other
    ovs-vsctl del-br br1
    /usr/share/openvswitch/scripts/ovs-ctl stop > /dev/null
    ip netns delete netbind-node 2> /dev/null || true`;

  test("the guest has the pod network, and a port of its VLAN; nothing is left", async () => {
    const { machine } = lab;
    await machine.sh(`OVS_CNI='${ovsCni}'\n${SWITCH}`);
    expect((await lab.start("switched", VM, 0)).vm.nics).toMatchObject([
      { name: "default", binding: "masquerade" },
      { name: "ovs-net", binding: "bridge" },
    ]);
    const ports = (): Promise<string> => machine.sh("ovs-vsctl --columns=name,tag find port tag=100");
    expect((await ports()).match(/tag/g)).toHaveLength(2);
    await lab.booted();
    await machine.inGuest("switched", "ip addr add 198.51.100.2/24 dev eth1; ip link set eth1 up");
    expect(await answers(machine, "same", "198.51.100.2")).toBe(true);
    expect(await isSilent(machine, "other", "198.51.100.2")).toBe(true);
    await lab.expectHealthy();
    await machine.sh("netbind stop switched");
    expect((await ports()).match(/tag/g)).toHaveLength(1);
    await machine.sh(STOP_SWITCH);
    await lab.expectClean();
  });
});
