/** Disks of the machine's: which a VM gets, and what is changed of them for its user. */
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Vmi } from "@netbind/kubevirt";
import { checkHostDisks } from "@netbind/local";
import { exec } from "@netbind/netns";
import { VM_UIDS } from "@netbind/pod";
import { afterEach, beforeEach, expect, test } from "vitest";
import { hypervisorNodes, nodesDirectory, prelude } from "../../core/local/src/launcher/launcher-mounts.ts";
import {
  findHostDisks,
  grantHostDisks,
  holdHostDisk,
  takeBackHostDisks,
} from "../../core/local/src/launcher/host-disks.ts";

const USER = { uid: VM_UIDS.first + 7, gid: VM_UIDS.first + 7 };
const OTHER = { uid: VM_UIDS.first + 8, gid: VM_UIDS.first + 8 };

let directory: string;
let listed: string;
beforeEach(() => {
  directory = mkdtempSync("/var/tmp/netbind-host-disk-");
  listed = join(directory, "listed");
  mkdirSync(join(listed, "a/b"), { recursive: true });
  writeFileSync(join(listed, "a/b/disk.img"), "disk", { mode: 0o640 });
});
afterEach(() => rmSync(directory, { recursive: true }));

const vmi = (...paths: readonly string[]): Vmi => ({
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachineInstance",
  metadata: { name: "vm", namespace: "ns" },
  spec: {
    domain: { devices: { disks: paths.map((_, at) => ({ name: `d${at}`, disk: {} })) } },
    volumes: paths.map((path, at) => ({ name: `d${at}`, hostDisk: { path } })),
  },
});

const policy = (own: readonly string[] = []) => ({ directories: [listed], own });
const disk = (): string => join(listed, "a/b/disk.img");
const problems = async (paths: readonly string[], own: readonly string[] = []): Promise<readonly string[]> =>
  (await checkHostDisks(exec, vmi(...paths), policy(own))).map(({ field, problem }) => `${field}: ${problem}`);
const aclOf = async (file: string): Promise<string> => (await exec(["getfacl", "-cnp", file])).trim();
const opens = async (uid: number, file: string): Promise<boolean> =>
  // By a descriptor of the directory: its user need not come there by the path.
  exec([
    "sh",
    "-c",
    `cd "$1" && exec setpriv --reuid ${uid} --regid ${uid} --clear-groups sh -c 'exec 3<>"$0"' "$2"`,
    "sh",
    join(file, ".."),
    "./disk.img",
  ])
    .then(() => true)
    .catch(() => false);

test("a file or a block device below a listed directory alone: everything else is refused with its reason, all at once", async () => {
  const outside = join(directory, "outside.img");
  writeFileSync(outside, "secret");
  symlinkSync(outside, join(listed, "link.img"));
  symlinkSync(directory, join(listed, "out"));
  symlinkSync("b", join(listed, "a/same"));
  await exec(["mkfifo", join(listed, "fifo")]);
  await exec(["mknod", join(listed, "char"), "c", "1", "5"]);
  const paths = [
    ...[outside, join(listed, "link.img"), join(listed, "out/outside.img"), join(listed, "a/same/disk.img")],
    ...[join(listed, "fifo"), join(listed, "char"), join(listed, "a"), join(listed, "none.img"), listed],
    ...[`${listed}/../outside.img`, `${listed}/a//b/disk.img`, "disk.img", `${listed}-not/x`],
  ];
  const refused = [
    ...[
      "is in no directory",
      "is a symbolic link",
      '"out" is not a directory, or is a link',
      '"same" is not a directory, or is a link',
    ],
    ...[
      "neither a regular file nor",
      "neither a regular file nor",
      "neither a regular file nor",
      '"none.img" does not exist yet',
      "in no directory",
    ],
    ...["not an absolute path", "not an absolute path", "not an absolute path", "in no directory"],
  ];
  const found = await problems(paths);
  expect(found).toHaveLength(paths.length);
  for (const [at, reason] of refused.entries()) {
    expect(found[at]).toContain(`spec.volumes[${at}].hostDisk.path: ${JSON.stringify(paths[at])}`);
    expect(found[at]).toContain(reason);
  }
  expect(await problems([disk()])).toEqual([]);
  expect((await checkHostDisks(exec, vmi(disk()), { directories: [], own: [] }))[0]?.problem).toContain(
    "none is listed",
  );
});

test("a loop device is a disk, and has its user's access as long as its VM is there", async () => {
  const node = join(listed, "loop");
  await exec(["mknod", node, "b", "7", "201"]);
  expect(await problems([node])).toEqual([]);
  const [found] = await findHostDisks(exec, vmi(node), USER, policy());
  expect(found).toMatchObject({ block: true, components: ["loop"] });
});

test("nothing of Netbind's own, whatever way leads there", async () => {
  const own = join(listed, "a");
  expect(await problems([disk()], [own])).toEqual([expect.stringContaining("in one of Netbind's own directories")]);
  expect(
    (await checkHostDisks(exec, vmi(disk()), { directories: [join(own, "b")], own: [own] }))[0]?.problem,
  ).toContain("Netbind's own");
  const elsewhere = join(listed, "elsewhere");
  mkdirSync(elsewhere);
  await exec(["mount", "--bind", own, elsewhere]);
  try {
    expect(await problems([join(elsewhere, "b/disk.img")], [own])).toEqual([
      expect.stringContaining("in one of Netbind's own directories"),
    ]);
  } finally {
    await exec(["umount", elsewhere]);
  }
});

test("the VM's user alone gets access, and the file is as it was afterwards: however often each is done", async () => {
  const before = await aclOf(disk());
  const disks = await findHostDisks(exec, vmi(disk()), USER, policy());
  expect(await opens(USER.uid, disk())).toBe(false);
  for (let times = 0; times < 2; times++) await grantHostDisks(exec, USER, disks);
  expect(await opens(USER.uid, disk())).toBe(true);
  expect(await opens(OTHER.uid, disk())).toBe(false);
  for (let times = 0; times < 2; times++) await takeBackHostDisks(exec, USER, disks);
  expect(await opens(USER.uid, disk())).toBe(false);
  expect(await aclOf(disk())).toBe(before);
  expect(statSync(disk()).mode & 0o777).toBe(0o640);
});

test("entries that were there before, and those of others that came meanwhile, stay", async () => {
  await exec(["setfacl", "-m", `u:4242:rw,u:${USER.uid}:r`, disk()]);
  const before = await aclOf(disk());
  const disks = await findHostDisks(exec, vmi(disk()), USER, policy());
  await grantHostDisks(exec, USER, disks);
  expect(await aclOf(disk())).toContain(`user:${USER.uid}:rw-`);
  await takeBackHostDisks(exec, USER, disks);
  expect(await aclOf(disk())).toBe(before);

  await exec(["setfacl", "-b", disk()]);
  const plain = await aclOf(disk());
  const first = await findHostDisks(exec, vmi(disk()), USER, policy());
  await grantHostDisks(exec, USER, first);
  const second = await findHostDisks(exec, vmi(disk()), OTHER, policy());
  await grantHostDisks(exec, OTHER, second);
  await takeBackHostDisks(exec, USER, first);
  expect(await opens(OTHER.uid, disk())).toBe(true);
  await takeBackHostDisks(exec, OTHER, second);
  expect(await aclOf(disk())).toBe(plain);
});

test("a mask that keeps somebody out is not widened: before, it is a problem; meanwhile, it stays", async () => {
  await exec(["setfacl", "-m", "u:4242:rw,m::r", disk()]);
  expect(await problems([disk()])).toEqual([expect.stringContaining("has a mask that excludes other users")]);
  await exec(["setfacl", "-b", disk()]);
  const disks = await findHostDisks(exec, vmi(disk()), USER, policy());
  await grantHostDisks(exec, USER, disks);
  await exec(["chmod", "g-rwx", disk()]);
  await takeBackHostDisks(exec, USER, disks);
  expect(await aclOf(disk())).toContain("mask::---");
  expect(await aclOf(disk())).not.toContain(String(USER.uid));
});

test("a launcher is shown the very file that was opened, or does not start", async () => {
  const disks = await findHostDisks(exec, vmi(disk()), USER, policy());
  const [recorded] = disks;
  if (recorded === undefined) throw new Error("no disk was found");
  const launcher = join(directory, "pod/launcher");
  mkdirSync(nodesDirectory(launcher), { recursive: true });
  using held = holdHostDisk(recorded);
  const files = {
    directory: launcher,
    user: USER,
    nodes: hypervisorNodes({ kvm: false, vhost: false }),
    disks: [held],
  };
  const nothing = openSync("/dev/null", "r");
  const show = (): Promise<string> =>
    exec(
      [
        "unshare",
        "--net",
        "--mount",
        ...prelude(files),
        "sh",
        "-c",
        'cat "$0"; readlink /proc/$$/fd/* || true',
        join(nodesDirectory(launcher), "disk-0"),
      ],
      {
        descriptors: [nothing, held.descriptor],
      },
    );
  try {
    const shown = await show();
    expect(shown).toMatch(/^disk/);
    // Nothing of the machine's stays open in the launcher.
    expect(shown).not.toContain(disk());
    renameSync(disk(), `${disk()}.old`);
    symlinkSync("/etc/shadow", disk());
    await expect(show()).rejects.toThrow(/exit code/);
  } finally {
    closeSync(nothing);
  }
});

test("a file that takes a recorded disk's place is neither shown to the VM nor changed", async () => {
  const disks = await findHostDisks(exec, vmi(disk()), USER, policy());
  const [recorded] = disks;
  if (recorded === undefined) throw new Error("no disk was found");
  await grantHostDisks(exec, USER, disks);
  renameSync(disk(), `${disk()}.old`);
  writeFileSync(disk(), "another", { mode: 0o600 });
  expect(() => holdHostDisk(recorded)).toThrow("it was replaced");
  await expect(grantHostDisks(exec, USER, disks)).rejects.toThrow("it was replaced");
  await takeBackHostDisks(exec, USER, disks);
  expect(await aclOf(disk())).toBe("user::rw-\ngroup::---\nother::---");
  // A directory on the way that became a link leads nowhere.
  renameSync(join(listed, "a"), join(listed, "moved"));
  symlinkSync(join(listed, "moved"), join(listed, "a"));
  expect(() => holdHostDisk(recorded)).toThrow('"a" is not a directory, or is a link');
  // The very file, where it was: it is the disk again.
  rmSync(join(listed, "a"));
  renameSync(join(listed, "moved"), join(listed, "a"));
  rmSync(disk());
  linkSync(`${disk()}.old`, disk());
  using held = holdHostDisk(recorded);
  expect(existsSync(`/proc/self/fd/${held.descriptor}`)).toBe(true);
});
