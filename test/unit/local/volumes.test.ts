/** How a guest sees a volume, by the entry of spec.domain.devices.disks that shows it. */
import type { Vmi, VmiDisk } from "@netbind/kubevirt";
import { expect, test } from "vitest";
import { buildBaseDomain } from "../../../core/local/src/launcher/base-domain.ts";
import { type GuestDisk, prepareVolumes, type VolumeContext } from "../../../core/local/src/launcher/volumes.ts";

const NAME = "root";

const vmWith = (disk: Omit<VmiDisk, "name">): Vmi =>
  ({
    metadata: { name: "one", namespace: "default" },
    spec: {
      domain: { devices: { disks: [{ name: NAME, ...disk }], interfaces: [] } },
      volumes: [{ name: NAME, containerDisk: { image: "x/y:1" } }],
    },
  }) as unknown as Vmi;

async function shown(disk: Omit<VmiDisk, "name">): Promise<GuestDisk | undefined> {
  const vmi = vmWith(disk);
  const containerDisks = { disks: [{ volume: 0, base: "disk-0", format: "raw" }], missing: new Map() };
  const { disks } = await prepareVolumes({ vmi, containerDisks, hostDisks: [] } as unknown as VolumeContext);
  return disks[0];
}

test.each<[string, Omit<VmiDisk, "name">, Partial<GuestDisk>]>([
  ["a disk", { disk: {} }, { bus: "virtio", readonly: false }],
  ["a disk that its guest may not write to", { disk: { bus: "virtio", readonly: true } }, { readonly: true }],
  ["a CD-ROM, which is on no virtio bus", { cdrom: {} }, { bus: "sata", readonly: true }],
  ["a CD-ROM whose bus is named", { cdrom: { bus: "scsi" } }, { bus: "scsi", readonly: true }],
  ["an empty bus, which names none", { cdrom: { bus: "" } }, { bus: "sata" }],
])("%s", async (_, disk, expected) => expect(await shown(disk)).toMatchObject(expected));

test.each([
  ["usb", "qemu-xhci"],
  ["virtio", "none"],
])("a guest has a USB controller where a disk needs one: %s", async (bus, model) => {
  const disks = [await shown({ disk: { bus } })].filter((disk) => disk !== undefined);
  const domain = buildBaseDomain({ vmi: vmWith({ disk: { bus } }), accelerator: "tcg", disks });
  expect(domain).toContain(`<controller type='usb' index='0' model='${model}'/>`);
});

test("a guest finds a disk by the serial number that the VM gives it", async () => {
  const disk = { serial: "a&b", disk: {} };
  const disks = [await shown(disk)].filter((one) => one !== undefined);
  const domain = buildBaseDomain({ vmi: vmWith(disk), accelerator: "tcg", disks });
  expect(domain).toContain("<serial>a&#38;b</serial>");
  expect(domain.match(/<serial>/g)).toHaveLength(1);
});
