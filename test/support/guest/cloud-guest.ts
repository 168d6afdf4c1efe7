import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { debianArchive, stateDirectories } from "@netbind/local";
import { exec } from "@netbind/netns";

const PACKAGES = [
  ...["systemd-sysv", "systemd-resolved", "udev", "dbus", "linux-image-cloud-amd64"],
  ...["cloud-init", "netplan.io", "python3-yaml", "iproute2", "busybox-static"],
];
const KERNEL_ARGUMENTS = "root=LABEL=root rw console=ttyS0 net.ifnames=0 quiet tsc=reliable";
const SYSLINUX = `DEFAULT linux\nPROMPT 0\nTIMEOUT 1\nLABEL linux\n KERNEL /vmlinuz\n INITRD /initrd\n APPEND ${KERNEL_ARGUMENTS}\n`;
const CLOUD = "datasource_list: [NoCloud, None]\nresize_rootfs: false\ngrowpart: {mode: 'off'}\n";
const MIB = 1024 * 1024;
/** MiB: where the partitions begin and how long they are. */
const BOOT = { at: 1, size: 100 } as const;
const ROOT = { at: 101, size: 1100 } as const;
const MBR = "/usr/lib/syslinux/mbr/mbr.bin";

const newest = (directory: string, prefix: string): string =>
  join(
    directory,
    readdirSync(directory)
      .filter((name) => name.startsWith(prefix))
      .sort()
      .at(-1) ?? prefix,
  );

async function build(image: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), "netbind-cloud-"));
  const [rootfs, boot, root] = [join(work, "rootfs"), join(work, "boot.img"), join(work, "root.img")];
  const include = `--include=${PACKAGES.join(",")}`;
  const apt = '--aptopt=APT::Install-Recommends "false"';
  await exec(
    [
      "mmdebstrap",
      "--quiet",
      "--variant=apt",
      "--mode=root",
      apt,
      include,
      "trixie",
      rootfs,
      (await debianArchive(exec)).main,
    ],
    {
      deadline: 15 * 60_000,
    },
  );
  writeFileSync(join(rootfs, "etc/cloud/cloud.cfg.d/90_test.cfg"), CLOUD);
  writeFileSync(join(rootfs, "etc/fstab"), "LABEL=root / ext4 defaults 0 1\n");
  writeFileSync(join(rootfs, "etc/machine-id"), "");
  await exec(["truncate", "-s", `${BOOT.size}M`, boot]);
  await exec(["mkfs.vfat", "-n", "BOOT", boot]);
  writeFileSync(join(work, "syslinux.cfg"), SYSLINUX);
  for (const [file, name] of [
    [newest(join(rootfs, "boot"), "vmlinuz-"), "vmlinuz"],
    [newest(join(rootfs, "boot"), "initrd.img-"), "initrd"],
    [join(work, "syslinux.cfg"), "syslinux.cfg"],
  ] as const)
    await exec(["mcopy", "-i", boot, file, `::${name}`]);
  await exec(["syslinux", "--install", boot]);
  await exec(["truncate", "-s", `${ROOT.size}M`, root]);
  await exec(["mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", rootfs, root], { deadline: 120_000 });
  const next = `${image}.building`;
  rmSync(next, { force: true });
  await exec(["truncate", "-s", `${ROOT.at + ROOT.size + 1}M`, next]);
  const sectors = (mebibytes: number): number => (mebibytes * MIB) / 512;
  const table = [
    "label: dos",
    `start=${sectors(BOOT.at)},size=${sectors(BOOT.size)},type=c,bootable`,
    `start=${sectors(ROOT.at)},size=${sectors(ROOT.size)},type=83`,
  ];
  await exec(["sfdisk", "-q", next], { stdin: `${table.join("\n")}\n` });
  await exec(["dd", `if=${MBR}`, `of=${next}`, "conv=notrunc", "status=none"]);
  for (const [part, at] of [
    [boot, BOOT.at],
    [root, ROOT.at],
  ] as const)
    await exec(["dd", `if=${part}`, `of=${next}`, "bs=1M", `seek=${at}`, "conv=notrunc,sparse", "status=none"], {
      deadline: 120_000,
    });
  renameSync(next, image);
  rmSync(work, { recursive: true });
}

/** A disk of its own for a guest with systemd, netplan and cloud-init, which boots by the firmware; built once. */
export async function cloudGuestDisk(directory: string): Promise<string> {
  const cache = join(stateDirectories(process.env).cache, "test");
  const version = createHash("sha256")
    .update(JSON.stringify([PACKAGES, SYSLINUX, CLOUD]))
    .digest("hex")
    .slice(0, 12);
  const image = join(cache, `cloud-guest-${version}.raw`);
  mkdirSync(cache, { recursive: true });
  if (!existsSync(image)) await build(image);
  const disk = join(directory, "root.raw");
  await exec(["cp", "--sparse=always", image, disk], { deadline: 120_000 });
  chmodSync(disk, 0o600);
  return disk;
}
