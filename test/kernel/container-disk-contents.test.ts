/** What is in the image of a container disk, which anybody may have made: what is taken of it, and what is refused. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exec } from "@netbind/netns";
import { expect, test } from "vitest";
import { DISK_FILE, useDiskLab } from "../support/images/disk-lab.ts";
import type { Entry } from "../support/images/oci-layout.ts";

const { lab, fetch, contentOf, pushed } = useDiskLab();

const DIRECTORY: Entry = { name: "disk", type: "directory" };
const link = (name: string, linkname: string): Entry => ({ name, type: "symlink", linkname });

test.each<[string, readonly (readonly Entry[])[], string, string?]>([
  ["no disk at all", [[{ name: "etc/passwd" }]], "has no file at /disk"],
  ["an empty directory", [[DIRECTORY]], "has no file at /disk"],
  ["two disks", [[DISK_FILE, { name: "disk/b.img" }]], "has 2 files at /disk"],
  [
    "a link in place of the disk",
    [[DIRECTORY, link("disk/disk.img", "/etc/shadow")]],
    "is a symlink, not a regular file",
  ],
  ["a hard link", [[{ name: "x" }, { name: "disk/a", type: "link", linkname: "x" }]], "is a link, not a regular file"],
  ["a device", [[{ name: "disk/a", type: "block-device", devmajor: 8 }]], "is a block-device, not a regular file"],
  ["a link in place of the directory", [[link("disk", "/etc")], [DISK_FILE]], "is a link or a device"],
  ["a name that leads out", [[{ name: "disk/../../etc/disk.img" }]], "has no file at /disk"],
  ["a disk that a later layer removed", [[DISK_FILE], [{ name: "disk/.wh.disk.img" }]], "has no file at /disk"],
  ["a directory that a later layer removed", [[DISK_FILE], [{ name: ".wh.disk" }]], "has no file at /disk"],
  ["a directory that a later layer emptied", [[DISK_FILE], [{ name: "disk/.wh..wh..opq" }]], "has no file at /disk"],
  ["a file in place of the directory", [[DISK_FILE], [{ name: "disk", content: "" }]], "from 1 to"],
  [
    "another file than the volume names",
    [[DISK_FILE]],
    "at /other/disk.img: correct the volume's path",
    "/other/disk.img",
  ],
  ["a path that leads out", [[DISK_FILE]], "is not a valid path of a disk", "/disk/../etc"],
  ["a disk of nothing", [[{ name: "disk/a", content: "" }]], "from 1 to"],
  [
    "VMware's format",
    [
      [
        {
          name: "disk/a",
          content: Buffer.concat([
            Buffer.from('# Disk DescriptorFile\nversion=1\ncreateType="monolithicFlat"\nRW 1 FLAT "/etc/passwd" 0\n'),
            Buffer.alloc(2000),
          ]),
        },
      ],
    ],
    "its disk",
  ],
])("refused, with its reason, and nothing is left: %s", async (_, layers, reason, path) => {
  await expect(fetch(await lab().layoutOf(layers), path === undefined ? {} : { path })).rejects.toThrow(reason);
  expect(lab().left()).toEqual([]);
});

test("what later layers put there counts, in whatever way its name is written", async () => {
  const disk = await fetch(
    await lab().layoutOf([
      [{ name: "./disk/old.img", content: "old" }],
      [{ name: "disk/.wh.old.img" }, { name: "/disk/new.img", content: "new" }],
    ]),
  );
  expect(contentOf(disk).subarray(0, 3).toString()).toBe("new");
  const named = await fetch(await lab().layoutOf([[DISK_FILE, { name: "images/b.img", content: "b" }]]), {
    path: "/images/b.img",
  });
  expect(contentOf(named).subarray(0, 1).toString()).toBe("b");
});

test("a qcow2 that is whole is taken; one that refers to another file is refused", async () => {
  const file = join(lab().directory, "a.qcow2");
  const create = (...args: readonly string[]): Promise<string> =>
    exec(["qemu-img", "create", "-q", "-f", "qcow2", ...args]);
  await create(file, "10M");
  expect(await fetch(await lab().layoutOf([[{ ...DISK_FILE, content: readFileSync(file) }]]))).toMatchObject({
    format: "qcow2",
    virtualSize: 10 * 1024 ** 2,
  });
  writeFileSync(join(lab().directory, "below"), Buffer.alloc(4096));
  const before = lab().left();
  await create("-b", "/etc/shadow", "-F", "raw", "-u", file, "10M");
  await expect(fetch(await lab().layoutOf([[{ ...DISK_FILE, content: readFileSync(file) }]]))).rejects.toThrow(
    "refers to another file",
  );
  await create("-o", `data_file=${join(lab().directory, "data")},data_file_raw=on`, file, "10M");
  await expect(fetch(await lab().layoutOf([[{ ...DISK_FILE, content: readFileSync(file) }]]))).rejects.toThrow(
    /its disk/,
  );
  await create(file, "1T");
  await expect(fetch(await lab().layoutOf([[{ ...DISK_FILE, content: readFileSync(file) }]]))).rejects.toThrow(
    "bytes for a guest",
  );
  expect(lab().left()).toEqual(before);
});

test("another architecture's image, in an index or alone; this one's is found in an index", async () => {
  const alone = await lab().layoutOf([[DISK_FILE]], { architecture: "arm64" });
  const neither = await lab().layoutOf([[DISK_FILE]], { architecture: "", os: "" });
  await expect(fetch(neither)).rejects.toThrow("it is for no platform, and this machine needs linux/amd64");
  const listed = await lab().layoutOf([[DISK_FILE]], { architecture: "arm64", index: ["arm64", "s390x"] });
  await expect(fetch(alone)).rejects.toThrow("it is for linux/arm64, and this machine needs linux/amd64");
  await expect(fetch(listed)).rejects.toThrow("it is for linux/arm64, linux/s390x");
  await pushed("both:1", [[DISK_FILE]], { index: ["amd64"] });
  expect(
    contentOf(await fetch(`${lab().registry.host}/both:1`))
      .subarray(0, 4)
      .toString(),
  ).toBe("disk");
});
