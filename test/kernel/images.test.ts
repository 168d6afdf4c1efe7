/** This checkout's images of the bindings: what they say, what is in them, and that they run as KubeVirt runs sidecars. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Attachment, Binding } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import bridge from "@netbind/plugin-bridge";
import macvtap from "@netbind/plugin-macvtap";
import masquerade from "@netbind/plugin-masquerade";
import passt from "@netbind/plugin-passt";
import slirp from "@netbind/plugin-slirp";
import sriov from "@netbind/plugin-sriov";
import { exec } from "@netbind/netns";
import { connectHooks } from "@netbind/remote/sidecar";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BuiltImages } from "../support/kube/built-images.ts";
import { ImageContainer, rightsOf } from "../support/kube/image-container.ts";
import { SIDECAR_START } from "../support/kube/sidecar-start.ts";

const PLUGINS = fileURLToPath(new URL("../../plugins/", import.meta.url));
const NAMES = readdirSync(PLUGINS).sort();
const ARCHITECTURES = ["amd64", "arm64"];
const [BASE_LIMIT, OWN_LIMIT] = [50_000_000, 500_000];

const directory = mkdtempSync(join(tmpdir(), "netbind-built-"));
let images: BuiltImages;
/** What a build that failed did not make is not removed. */
const made = new DisposableStack();
beforeAll(async () => {
  images = made.use(await BuiltImages.build(NAMES, join(directory, "images")));
}, 900_000);
afterAll(() => {
  made.dispose();
  rmSync(directory, { recursive: true });
});

test("each plugin has one index over both platforms, and each layer's size is within its bound; what is below the bundle is one and the same", async () => {
  expect(Object.keys(images.table).sort()).toEqual(NAMES);
  for (const architecture of ARCHITECTURES) {
    const bases = new Set<string>();
    for (const name of NAMES) {
      const { layers } = await images.inspect(name, architecture);
      expect(layers).toHaveLength(3);
      const [base, own] = [layers.slice(0, -1), layers.at(-1)];
      expect(
        base.reduce((sum, { size }) => sum + size, 0),
        `${name}'s base`,
      ).toBeLessThanOrEqual(BASE_LIMIT);
      expect(own?.size, `${name}'s own layer`).toBeLessThanOrEqual(OWN_LIMIT);
      bases.add(base.map(({ digest }) => digest).join());
      expect(images.table[name]?.platforms[`linux/${architecture}`]?.layers).toEqual(layers.map(({ size }) => size));
    }
    expect(bases.size).toBe(1);
  }
});

test("an index is pushed with its digest, as the table has it", async () => {
  const copy = join(directory, "copy");
  await exec([
    "skopeo",
    "copy",
    "--quiet",
    "--all",
    "--preserve-digests",
    `oci:${images.out}:passt`,
    `oci:${copy}:passt`,
  ]);
  const { manifests } = JSON.parse(readFileSync(join(copy, "index.json"), "utf8")) as {
    readonly manifests: readonly { readonly digest: string }[];
  };
  expect(manifests.map(({ digest }) => digest)).toEqual([images.table["passt"]?.digest]);
});

test.each(NAMES)("%s: the image names its user, its command, its processor and itself", async (name) => {
  const manifest = JSON.parse(readFileSync(join(PLUGINS, name, "package.json"), "utf8")) as Readonly<
    Record<string, string>
  >;
  for (const architecture of ARCHITECTURES) {
    const { config, ...image } = await images.inspect(name, architecture);
    expect(image.architecture).toBe(architecture);
    expect(config).toMatchObject({
      User: "107:107",
      Entrypoint: [
        "/usr/bin/timeout",
        "--kill-after=60",
        "0",
        "/usr/bin/node",
        ...SIDECAR_START.options,
        "/usr/lib/netbind/sidecar.mjs",
      ],
      Cmd: ["hold"],
    });
    for (const [variable, value] of Object.entries(SIDECAR_START.environment))
      expect(config.Env).toContain(`${variable}=${value}`);
    expect(config.Labels).toMatchObject({
      "org.opencontainers.image.title": `Netbind ${name} binding`,
      "org.opencontainers.image.description": manifest["description"],
      "org.opencontainers.image.version": manifest["version"],
      "org.opencontainers.image.licenses": manifest["license"],
    });
  }
});

/** The paths below a directory that find finds. */
const find = async (rootfs: string, ...tests: readonly string[]): Promise<readonly string[]> =>
  (await exec(["find", rootfs, ...tests, "-printf", "/%P\n"])).split("\n").filter((line) => line !== "");

test.each(ARCHITECTURES)(
  "%s: the only programs are inetd, the runtime and what waits for them: no shell, no package manager, nothing that becomes another user",
  async (architecture) => {
    const { rootfs, process } = await images.unpack("bridge", architecture);
    expect(process.user).toMatchObject({ uid: 107, gid: 107 });
    for (const program of ["/bin/sh", "/bin/bash", "/usr/bin/dpkg", "/usr/bin/apt-get"])
      expect(existsSync(join(rootfs, program)), program).toBe(false);
    const executable = await find(rootfs, "-type", "f", "-perm", "/111");
    expect(executable.filter((file) => !/\.so(\.[0-9.]+)?$/.test(file)).sort()).toEqual([
      "/usr/bin/env",
      "/usr/bin/flock",
      "/usr/bin/node",
      "/usr/bin/timeout",
      "/usr/bin/true",
      "/usr/sbin/inetd",
    ]);
    expect(await find(rootfs, "-perm", "/6000")).toEqual([]);
    expect(await find(rootfs, "-not", "-type", "l", "-perm", "/2", "-not", "-perm", "-1000")).toEqual([]);
    // A reader of the image finds the license of each part.
    expect(existsSync(join(rootfs, "/usr/lib/netbind/LICENSE"))).toBe(true);
    expect(existsSync(join(rootfs, "/usr/lib/netbind/node_modules/@grpc/grpc-js/LICENSE"))).toBe(true);
    expect(existsSync(join(rootfs, "/usr/share/doc/libc6/copyright"))).toBe(true);
  },
);

const red = anAttachment({ ports: [{ protocol: "TCP", port: 80 }] });
const attached: readonly (readonly [Binding, Attachment])[] = [
  [bridge, red],
  [macvtap, { ...red, pod: { ...red.pod, tap: red.names.pod } }],
  [masquerade, red],
  [passt, red],
  [slirp, { ...red, model: "e1000" }],
  [
    sriov,
    { ...red, network: { kind: "multus", networkName: "sriov", default: false }, allocatedDevices: ["0000:05:10.1"] },
  ],
];

test.each(attached.map(([binding, attachment]) => ({ name: binding.name, binding, attachment })))(
  "$name: the image runs as user 107 without a capability on a root it cannot write, opens its gate with Attach, and ends with Shutdown",
  async ({ name, binding, attachment }) => {
    await using sidecar = await ImageContainer.start(await images.unpack(name, "amd64"), { binding: name });
    const pid = await sidecar.pid();
    const rights = rightsOf(pid);
    expect(rights).toMatch(/^Uid:\t107\t107\t107\t107$/m);
    expect(rights).toMatch(/^Gid:\t107\t107\t107\t107$/m);
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
      expect(rights).toMatch(new RegExp(`^${set}:\t0+$`, "m"));
    expect(rights).toMatch(/^NoNewPrivs:\t1$/m);
    const [root] = readFileSync(`/proc/${pid}/mountinfo`, "utf8")
      .split("\n")
      .filter((line) => line.split(" ")[4] === "/");
    expect(root?.split(" ")[5]).toMatch(/^ro(,|$)/);

    const socket = join(sidecar.hooks, `${name}-hook-sidecar-0.sock`);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(existsSync(socket)).toBe(false);
    await sidecar.attach([{ attachment, plan: binding.plan(attachment) }]);
    expect(existsSync(socket)).toBe(true);
    const hooks = connectHooks(socket);
    expect(await hooks.info()).toMatchObject({ name, versions: expect.arrayContaining(["v1alpha3"]) });
    await hooks.shutdown("v1alpha3");
    hooks.close();
    expect(await sidecar.ended()).toBe(0);
  },
);
