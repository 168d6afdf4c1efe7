/** A container disk that boots at once: its first sector is all of it. */

/** A VM with a disk out of an image. */
export const containerDiskVm = (name: string, image: string): string =>
  JSON.stringify({
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: { name },
    spec: {
      // Its code rests, and does not hear that it is to shut down.
      terminationGracePeriodSeconds: 0,
      domain: {
        memory: { guest: "64Mi" },
        devices: { interfaces: [{ name: "red", masquerade: {} }], disks: [{ name: "root", disk: { bus: "virtio" } }] },
      },
      networks: [{ name: "red", pod: {} }],
      volumes: [{ name: "root", containerDisk: { image } }],
    },
  });

/** The first sector of a disk that writes on the serial console, writes itself to the next sector, and rests. */
function bootSector(): Buffer {
  const text = "disk boots\r\n";
  const code = [
    ...[0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0xbc, 0x00, 0x7c], // cli; segments and stack at 0
    ...[0xb8, 0x01, 0x03, 0xb9, 0x02, 0x00, 0xb6, 0x00, 0xbb, 0x00, 0x7c, 0xcd, 0x13], // int 13h: write sector 2
    ...[0xbe, 0x36, 0x7c, 0xba, 0xf8, 0x03], // si = text, dx = COM1
    ...[0xac, 0x84, 0xc0, 0x74, 0x03, 0xee, 0xeb, 0xf8], // print until 0
    ...[0xf4, 0xeb, 0xfd], // rest
  ];
  const sector = Buffer.alloc(512);
  Buffer.from(code).copy(sector);
  sector.write(`${text}\0`, 0x36, "latin1");
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

/** The whole disk. */
export const bootingDisk = (): Buffer => Buffer.concat([bootSector(), Buffer.alloc(1024 ** 2 - 512)]);
