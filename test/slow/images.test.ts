/** All of this checkout's images, as `npm run images` builds them in clones of it. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { anAttachment } from "@netbind/contract/testing";
import { exec } from "@netbind/netns";
import bridge from "@netbind/plugin-bridge";
import { connectHooks } from "@netbind/remote/sidecar";
import { afterAll, beforeAll, expect, test } from "vitest";
import { warmCapabilities } from "../../core/local/src/launcher/capabilities.ts";
import { imageCommand } from "../../core/local/src/launcher/image-command.ts";
import { AGENT_START, PACKAGE_SETS, type SetName } from "../../sidecars/images/recipes.ts";
import { type Lock, printLock } from "../../tools/images/lock.ts";
import { BuiltImages, servedLock } from "../support/kube/built-images.ts";
import { buildGoTool } from "../support/build/go-tools.ts";
import { ImageContainer } from "../support/kube/image-container.ts";
import { Clone, type CloneOutcome } from "../support/build/clone.ts";

const NAMES = ["agent", "bridge", "controller", "launcher", "macvtap", "masquerade", "passt", "slirp", "sriov"];
const BUILD_DEADLINE = 1_800_000;

let directory: string;
let lock: Lock;
let lockFile: string;
let here: Clone;
let images: BuiltImages;
/** What a build that failed did not make is not removed. */
const made = new DisposableStack();

const mustEnd = ({ status, output }: CloneOutcome): void => {
  if (status !== 0) throw new Error(output);
};

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "netbind-clones-"));
  lock = await servedLock();
  lockFile = join(directory, "lock.json");
  writeFileSync(lockFile, printLock(lock));
  here = Clone.here(join(directory, "here"));
  mustEnd(here.images("--lock", lockFile));
  images = made.use(BuiltImages.open(here.out));
}, BUILD_DEADLINE);
afterAll(() => {
  made.dispose();
  rmSync(directory, { recursive: true });
});

const sbomsOf = (out: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readdirSync(join(out, "sbom")).map((name) => [name, readFileSync(join(out, "sbom", name), "utf8")]),
  );

test("another clone, on a machine of another name, zone and umask, with nothing in its cache, builds the same bytes", {
  timeout: BUILD_DEADLINE,
}, () => {
  expect(Object.keys(images.table).sort()).toEqual(NAMES);
  const other = Clone.elsewhere(join(directory, "elsewhere"));
  mustEnd(other.images("--lock", lockFile));
  for (const file of ["images.json", "index.json", "values.json"])
    expect(readFileSync(join(other.out, file), "utf8"), file).toBe(readFileSync(join(here.out, file), "utf8"));
  expect(readdirSync(join(other.out, "blobs/sha256")).sort()).toEqual(
    readdirSync(join(here.out, "blobs/sha256")).sort(),
  );
  expect(sbomsOf(other.out)).toEqual(sbomsOf(here.out));
});

test("a version that the archive no longer serves ends the build with the command that moves the lock, and leaves what was built", () => {
  const first = lock.sets.base.packages.amd64?.find(({ name }) => name === "libc6");
  if (first === undefined) throw new Error("no libc6 is locked");
  const gone = {
    ...first,
    version: "2.41-12+gone",
    sha256: "0".repeat(64),
    path: first.path.replace(/_[^_]+_amd64/, "_2.41-12%2bgone_amd64"),
  };
  const file = join(directory, "gone.json");
  writeFileSync(file, printLock(lock).replace(JSON.stringify(first), JSON.stringify(gone)));
  const before = readFileSync(join(here.out, "images.json"), "utf8");
  const { status, output } = here.images("--lock", file, "--no-sbom", "bridge");
  expect(status).toBe(1);
  expect(output).toContain(
    `  libc6 2.41-12+gone is not served any more (${gone.path})\nRun: npm run images -- --update-lock --lock ${file}\n`,
  );
  expect(output).not.toMatch(/^\s+at /m);
  expect(readFileSync(join(here.out, "images.json"), "utf8")).toBe(before);
  expect(readdirSync(join(here.out, "..")).sort()).toEqual(["netbind", "out"]);
});

test("a runtime that npm serves with other contents than the lock names is refused with both hashes", () => {
  const { sha256 = "" } = lock.runtime.amd64 ?? {};
  const file = join(directory, "runtime.json");
  writeFileSync(file, printLock(lock).replace(sha256, "0".repeat(64)));
  const { status, output } = here.images("--lock", file, "--no-sbom", "bridge");
  expect(status).toBe(1);
  expect(output).toContain(
    `  locked: ${"0".repeat(64)}\n  served: ${sha256}\nRun: npm run images -- --update-lock --lock ${file}\n`,
  );
});

test("arm64: the bridge's image, run by an emulator of a user's programs, opens its gate with Attach and answers Info", async () => {
  const image = await images.unpack("bridge", "arm64");
  // 183: what the kernel's header of ELF files calls this processor.
  expect(readFileSync(join(image.rootfs, "usr/bin/node")).readUInt16LE(18)).toBe(183);
  await using sidecar = await ImageContainer.start(image, { binding: "bridge", isEmulated: true });
  const attachment = anAttachment();
  await sidecar.attach([{ attachment, plan: bridge.plan(attachment) }]);
  const hooks = connectHooks(join(sidecar.hooks, "bridge-hook-sidecar-0.sock"), 20);
  expect(await hooks.info()).toMatchObject({ name: "bridge", versions: expect.arrayContaining(["v1alpha3"]) });
  await hooks.shutdown("v1alpha3");
  hooks.close();
  expect(await sidecar.ended()).toBe(0);
});

/** Runs a program of an image's, shut off from the machine. */
const inImage = async (rootfs: string, argv: readonly string[]): Promise<string> =>
  exec(await imageCommand({ image: { rootfs }, argv, shown: ["--setenv", "PATH", "/usr/sbin:/usr/bin"] }));

test("agent: the agent starts, and each program that it runs does", async () => {
  const { rootfs, process: start } = await images.unpack("agent", "amd64");
  expect(start).toMatchObject({
    args: ["/usr/bin/node", ...AGENT_START.options, "/usr/lib/netbind/netbind-agent.mjs"],
    user: { uid: 0, gid: 0 },
  });
  await expect(inImage(rootfs, start.args)).rejects.toThrow("usage: netbind-agent --node NAME");
  const programs = [
    "bwrap",
    "dnsmasq",
    "flock",
    "mount",
    "nft",
    "nsenter",
    "prlimit",
    "setpriv",
    "sysctl",
    "unshare",
    "cat",
  ];
  for (const program of programs) expect(await inImage(rootfs, [program, "--version"]), program).toMatch(/\d+\.\d+/);
  expect(await inImage(rootfs, ["ip", "-json", "link", "show", "dev", "lo"])).toContain('"ifname":"lo"');
  expect(await inImage(rootfs, ["sh", "-c", "echo $((6 * 7))"])).toBe("42\n");
});

test("launcher: libvirt finds out what QEMU can do, as a user without rights; passt and genisoimage run", async () => {
  const { rootfs, process: start } = await images.unpack("launcher", "amd64");
  expect(start).toMatchObject({ args: ["/usr/sbin/libvirtd"], user: { uid: 107, gid: 107 } });
  expect(Object.keys(images.table["launcher"]?.platforms ?? {})).toEqual(["linux/amd64"]);
  await warmCapabilities(exec, rootfs);
  const [found] = readdirSync(join(rootfs, "capabilities"));
  expect(readFileSync(join(rootfs, "capabilities", found ?? ""), "utf8")).toMatch(
    /<qemuCaps>[\s\S]*<machine type='tcg' name='pc-q35-/,
  );
  // Its version is lost where standard output is a pipe.
  expect(await inImage(rootfs, ["sh", "-c", "passt --help 2>&1"])).toMatch(/^Usage: \S*passt /);
  expect(await inImage(rootfs, ["genisoimage", "--version"])).toMatch(/^genisoimage /);
});

test("controller: it starts as its image asks for it, as the user of its manifest", async () => {
  const { rootfs, process: start } = await images.unpack("controller", "amd64");
  expect(start).toMatchObject({
    args: ["/usr/bin/node", "--max-semi-space-size=4", "/usr/lib/netbind/netbind-controller.mjs"],
    user: { uid: 65532, gid: 65532 },
  });
  await expect(inImage(rootfs, [...start.args, "--listen", "nowhere"])).rejects.toThrow("usage: netbind-controller");
});

/** What the images are made on that are not sidecars'. */
const SETS: Readonly<Record<string, SetName>> = { agent: "agent", controller: "base", launcher: "launcher" };

interface SbomPackage {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly purls: readonly string[] | null;
}

/** The packages that an image is made of, by its lock. */
const lockedIn = (set: SetName, architecture: "amd64" | "arm64"): readonly string[] => {
  const { on } = PACKAGE_SETS[set];
  return [
    ...(on === undefined ? [] : lockedIn(on, architecture)),
    ...(lock.sets[set].packages[architecture] ?? []).map(({ name, version }) => `${name} ${version}`),
  ];
};

test("each image's SBOM is valid SPDX, and lists what is in it: Debian's packages, the runtime, what is in the bundle", {
  timeout: 900_000,
}, () => {
  const files = Object.keys(sbomsOf(here.out));
  expect(files).toHaveLength(17);
  const checked = JSON.parse(
    execFileSync(
      buildGoTool("spdx-check"),
      files.map((name) => join(here.out, "sbom", name)),
      { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 },
    ),
  ) as Readonly<Record<string, readonly SbomPackage[]>>;
  for (const name of NAMES) {
    const set = SETS[name] ?? "sidecar";
    for (const architecture of PACKAGE_SETS[set].architectures) {
      const packages = checked[join(here.out, "sbom", `${name}-${architecture}.spdx.json`)] ?? [];
      const listed = packages.map((one) => `${one.name} ${one.version}`);
      expect(listed).toEqual(expect.arrayContaining([...lockedIn(set, architecture)]));
      if (set === "launcher") continue;
      expect(listed).toContain(`node ${lock.runtime[architecture]?.version}`);
      const bundled = packages.filter(({ purls }) => purls?.some((purl) => purl.startsWith("pkg:npm/")));
      const own = set === "sidecar" ? `@netbind/plugin-${name}` : `@netbind/${name}`;
      expect(bundled.map((one) => one.name)).toEqual(expect.arrayContaining([own, "@grpc/grpc-js", "pino"]));
      for (const one of bundled) expect(one.license, one.name).not.toBe("NOASSERTION");
    }
  }
});
