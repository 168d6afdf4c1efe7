/** A seventh binding is one folder and one entry: in a copy of the tree it is checked, built, and a guest has its network by it. */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { VmStatus } from "@netbind/local";
import { demoVmi } from "../demo/vmi.ts";
import { TreeCopy } from "../support/build/tree-copy.ts";
import { machineState, makeStateDirectory } from "../support/guest/machine.ts";
import { netbind } from "../support/guest/netbind.ts";

const NAME = "seventh";
const ENTRY = `{
    plugin: ${NAME},
    image: "netbind/${NAME}:0.0.0",
    grants: {},
    about: {
      means: "The pod's place on the network, once more.",
      networks: "the pod network",
      registration: "sidecarImage",
      guestAddress: "the pod's",
      ports: "every port",
      migration: "no",
      hotplug: "no",
    },
  },
  {
    plugin: bridge,`;

let directory: string;
let tree: TreeCopy;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-seventh-"));
  tree = new TreeCopy(directory);
});
afterAll(() => {
  tree[Symbol.dispose]();
  rmSync(directory, { recursive: true });
});

/** The folder: a binding that plans as bridge does, under a name of its own. */
function addFolder(): void {
  cpSync(join(tree.root, "plugins/bridge"), join(tree.root, `plugins/${NAME}`), { recursive: true });
  tree.edit(`plugins/${NAME}/package.json`, (text) =>
    text.replace("@netbind/plugin-bridge", `@netbind/plugin-${NAME}`),
  );
  tree.edit(`plugins/${NAME}/src/index.ts`, (text) => text.replace('name: "bridge"', `name: "${NAME}"`));
}

/** The entry, and the dependency that it takes. */
function addEntry(): void {
  tree.edit("core/bindings/package.json", (text) =>
    text.replace(
      '"@netbind/plugin-bridge": "workspace:^",',
      `"@netbind/plugin-bridge": "workspace:^",\n    "@netbind/plugin-${NAME}": "workspace:^",`,
    ),
  );
  tree.edit("core/bindings/src/released-bindings.ts", (text) =>
    text
      .replace("import slirp from", `import ${NAME} from "@netbind/plugin-${NAME}";\nimport slirp from`)
      .replace("{\n    plugin: bridge,", ENTRY),
  );
}

test("it is checked, built, explained, and gives a guest its network", { timeout: 600_000 }, async () => {
  addFolder();
  addEntry();
  tree.run("pnpm", "install", "--no-frozen-lockfile", "--prefer-offline", "--reporter=silent");
  tree.run("node", "tools/gen-law.mjs");
  tree.run("node_modules/.bin/tsc", "-b");
  tree.run("node", "tools/check-manifests.mjs");
  tree.run("node", "sidecars/build.mjs");
  tree.run("node", "core/agent/build.mjs");

  const state = makeStateDirectory("seventh");
  const options = {
    program: ["--conditions=@netbind/source", join(tree.root, "core/cli/src/main.ts")],
    env: { NETBIND_STATE_DIR: state },
  };
  expect((await netbind(["explain", NAME], options)).stdout).toContain(
    "binding seventh: The pod's place on the network, once more.",
  );
  const before = await machineState();
  const vmi = demoVmi({ name: "one", port: 80, nonce: "n0nce" }).replace(
    /masquerade: \{\}.*\n\s+ports:\n.*\n/,
    `binding: {name: ${NAME}}\n`,
  );
  expect(vmi).toContain(NAME);
  const started = await netbind(["run", "-f", "-", "--keep", "-o", "json"], { ...options, stdin: vmi });
  try {
    expect(started.code, started.stderr).toBe(0);
    const [nic] = (JSON.parse(started.stdout) as VmStatus).nics;
    expect(nic).toMatchObject({ binding: NAME, traffic: { fromGuest: true, toGuest: true } });
    expect(nic?.guestAddresses).toEqual(nic?.podAddresses);
  } finally {
    const stopped = await netbind(["stop", "one"], options);
    expect(stopped.code, stopped.stderr).toBe(0);
  }
  expect(await machineState()).toEqual(before);
  rmSync(state, { recursive: true });
});
