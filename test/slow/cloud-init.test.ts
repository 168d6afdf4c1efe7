import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { netnsPath, type VmStatus } from "@netbind/local";
import { expect, test } from "vitest";
import { cloudGuestDisk } from "../support/guest/cloud-guest.ts";
import { KillLab } from "../support/kill/kill-lab.ts";
import { Outside, OUTSIDE_PORTS } from "../support/peers/outside.ts";

/** The guide's masquerade VM with IPv6 by hand, on a disk that boots. */
const vmi = (disk: string): string => `\
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata:
  name: one
spec:
  domain:
    cpu: {cores: 2}
    resources: {requests: {memory: 768Mi}}
    devices:
      disks:
        - name: root
          disk: {bus: virtio}
        - name: cloudinitdisk
          disk: {bus: virtio}
      interfaces:
        - name: red
          masquerade: {}
          ports:
            - port: 80
  networks:
    - name: red
      pod: {}
  volumes:
    - name: root
      hostDisk: {path: ${disk}, type: Disk}
    - name: cloudinitdisk
      cloudInitNoCloud:
        networkData: |
          version: 2
          ethernets:
            eth0:
              dhcp4: true
              addresses: [ fd10:0:2::2/120 ]
              gateway6: fd10:0:2::1
        userData: |-
          #!/bin/bash
          mkdir -p /www
          (cloud-init --version; ip addr show dev eth0; ip -6 route show default) > /www/index.html
          busybox httpd -p 80 -h /www
          while ! busybox nc -w 2 fd10:244::1 ${OUTSIDE_PORTS.tcp} <<< by-hand; do sleep 1; done
`;

test("a cloud-init guest whose IPv6 is configured by hand, as the guide shows it, goes on working", {
  timeout: 900_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), "netbind-cloud-guest-"));
  chmodSync(directory, 0o755);
  try {
    await using lab = await KillLab.make(vmi(await cloudGuestDisk(directory)));
    const started = await lab.run([
      "run",
      "-f",
      "-",
      "--keep",
      "--wait",
      "300",
      "-o",
      "json",
      "--host-disk",
      directory,
    ]);
    expect(started.code, started.stderr).toBe(0);
    const [nic] = (JSON.parse(started.stdout) as VmStatus).nics;
    expect(nic?.guestAddresses).toEqual(["10.0.2.2", "fd10:0:2::2"]);
    using outside = await Outside.start(netnsPath(lab.state.nodeNetns));
    const pod6 = nic?.podAddresses[1] ?? "";
    expect((await outside.sees("tcp", "by-hand", 180_000)).address).toBe(pod6);
    for (const host of [nic?.podAddresses[0], `[${pod6}]`]) {
      const page = await outside.fetch(`http://${host}/`);
      expect(page).toMatch(/cloud-init \d/);
      expect(page).toContain("inet 10.0.2.2/24");
      expect(page).toContain("inet6 fd10:0:2::2/120");
      expect(page).toContain("default via fd10:0:2::1 dev eth0");
    }
    expect((await lab.run(["stop", "one"])).code).toBe(0);
    expect(await lab.leftovers()).toEqual([]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
