/** libvirt's own schema, of the launcher that this release starts, reads what is written of each kind of domain part. */
import { spawnSync } from "node:child_process";
import type { Attachment, DomainPlan } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import { nicDomain, patchDomain, writeTapInterface } from "@netbind/domain";
import type { Vmi } from "@netbind/kubevirt";
import { buildBaseDomain, ensureImage, State, stateDirectories } from "@netbind/local";
import { exec } from "@netbind/netns";
import { beforeAll, expect, test } from "vitest";

const SCHEMA = "/usr/share/libvirt/schemas/domain.rng";
const vmi = {
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachineInstance",
  metadata: { namespace: "default", name: "vm" },
  spec: { domain: { devices: {} } },
} as unknown as Vmi;
const BASE = buildBaseDomain({ vmi, accelerator: "tcg", disks: [] });
const NIC = anAttachment({ queues: 2, bootOrder: 1, pciAddress: "0000:05:00.0", acpiIndex: 3 });
const OLDER: Attachment = { ...NIC, libvirtVersion: "10.10.0" };
const PASST: DomainPlan = {
  kind: "passt",
  forward: [
    { protocol: "tcp", ports: [{ from: 80 }, { from: 8000, to: 8010 }], except: [{ from: 8001, to: 8002 }] },
    { protocol: "udp", ports: [], except: [] },
  ],
};

let rootfs = "";
beforeAll(async () => {
  ({ rootfs } = await ensureImage(exec, new State(stateDirectories(process.env)).cache, () => undefined));
}, 900_000);

/** What the schema's reader says of a domain. */
const validate = (input: string): string => {
  const { stdout, stderr } = spawnSync("chroot", [rootfs, "xmllint", "--noout", "--relaxng", SCHEMA, "-"], {
    input,
    encoding: "utf8",
  });
  return stdout + stderr;
};

// KubeVirt writes a host device without the mode that the schema asks for, and libvirt takes it: no domain of one is here.
test.each<readonly [string, Attachment, DomainPlan]>([
  ["tap", NIC, { kind: "tap" }],
  ["passt by shared memory", NIC, PASST],
  ["passt by a socket", OLDER, PASST],
  [
    "vhostuser, the hypervisor as the client",
    NIC,
    { kind: "vhostuser", socket: "red-0.sock", mode: "client", queues: 2 },
  ],
  [
    "vhostuser, the hypervisor as the server",
    NIC,
    { kind: "vhostuser", socket: "red-0.sock", mode: "server", queues: 0 },
  ],
  ["vdpa", NIC, { kind: "vdpa", device: "vhost-vdpa-0" }],
  ["userNetwork", NIC, { kind: "userNetwork", network: "10.0.2.0/24", search: [], forward: [] }],
])("%s", (_, attachment, plan) => {
  const nic = nicDomain(attachment);
  const xml = plan.kind === "tap" ? writeTapInterface(BASE, nic) : patchDomain(BASE, nic, plan);
  expect(validate(xml)).toBe("- validates\n");
  // The reader tells one that is not libvirt's.
  expect(validate(xml.replace("</devices>", "<nic/></devices>"))).toContain("- fails to validate");
});
