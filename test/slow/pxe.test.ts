/** A guest without a disk: its firmware asks our DHCP where its file is, and the next NIC where that one does not boot. */
import { join } from "node:path";
import { ensureImage, makeNetns, netnsPath, type VmStatus } from "@netbind/local";
import { inNetns, exec, waitUntil } from "@netbind/netns";
import { expect, test } from "vitest";
import { BootServer } from "../support/guest/boot-server.ts";
import { useLab } from "../support/guest/lab.ts";
import { netbind } from "../support/guest/netbind.ts";

const lab = useLab();

/** The guide's example of two networks to boot from, completed; the server is named by its address. */
const VMI = `\
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: ovs-vlan-100}
spec:
  config: '{"cniVersion": "1.0.0", "name": "lan", "type": "bridge", "bridge": "lan0", "ipam": {}}'
---
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata:
  name: one
spec:
  domain:
    resources: {requests: {memory: 256Mi}}
    devices:
      interfaces:
        - name: default
          masquerade: {}
          bootOrder: 1
          dhcpOptions:
            bootFileName: default_image.ipxe
            tftpServerName: 10.244.0.1
        - name: ovs-net
          bridge: {}
          bootOrder: 2
  networks:
    - name: default
      pod: {}
    - name: ovs-net
      multus:
        networkName: ovs-vlan-100
`;
const MENU = `#!ipxe
kernel vmlinuz console=ttyS0 quiet panic=-1 tsc=reliable booted-from=menu.ipxe
initrd initrd
boot
`;

test("firmware loads the file that dhcpOptions names; what does not boot is followed by the next NIC", {
  timeout: 600_000,
}, async () => {
  const { rootfs } = await ensureImage(exec, lab.state.cache, () => undefined);
  // Firmware asks a few times and goes on: the servers are there before it is.
  const node = netnsPath(lab.state.nodeNetns);
  lab.state.prepare();
  await makeNetns(exec, lab.state.nodeNetns);
  const onNode = inNetns(node, exec);
  await onNode(["ip", "link", "add", "lan0", "type", "bridge"]);
  await onNode(["ip", "addr", "add", "192.0.2.1/24", "dev", "lan0"]);
  await onNode(["ip", "link", "set", "lan0", "up"]);
  await using server = new BootServer({
    netns: node,
    dhcp: { link: "lan0", first: "192.0.2.10", last: "192.0.2.20", bootFile: "menu.ipxe", self: "192.0.2.1" },
    // The first one is found and run, and says that there is nothing to boot.
    texts: { "default_image.ipxe": "#!ipxe\nexit 1\n", "menu.ipxe": MENU },
    files: { vmlinuz: join(rootfs, "out/vmlinuz"), initrd: join(rootfs, "out/initrd") },
  });
  const { nics } = await lab.start(VMI, "--wait", "0");
  // The guest is behind the pod: it is the pod's address that asks.
  const pod = nics[0]?.podAddresses[0] ?? "";
  expect(await server.sent("default_image.ipxe", pod), server.said()).toBe(true);
  expect(await server.sent("menu.ipxe", "192.0.2."), server.said()).toBe(true);

  const booted = async (): Promise<boolean> =>
    (await lab.inGuest("one", "cat /proc/cmdline").catch(() => "")).includes("booted-from=menu.ipxe");
  expect(await waitUntil(booted, 180_000, 3000), server.said().slice(-2000)).toBe(true);
  // What booted has the address of each network: ours hidden behind the pod, and the one that the other network's server gives.
  const reported = async (): Promise<string> => lab.inGuest("one", "ip -4 addr");
  await waitUntil(async () => /192\.0\.2\.1\d\//.test(await reported()), 30_000, 1000);
  expect(await reported()).toMatch(/10\.0\.2\.2\/24[\s\S]*192\.0\.2\.1\d\//);
  const { interfaces = [] } = JSON.parse(
    (await netbind(["status", "one", "-o", "json"], { env: lab.env })).stdout,
  ) as VmStatus;
  expect(interfaces.map(({ name }) => name)).toEqual(["default", "ovs-net"]);
});
