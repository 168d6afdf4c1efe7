/** A process of its own ends as a call does in the process that other tests share, for each kind of call. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { netbind, SOURCE } from "../../support/guest/netbind.ts";
import { useNetbind } from "../../support/guest/use-netbind.ts";

const resident = useNetbind();
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-process-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

const vmi = (nic: string): string => `apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: vm}
spec:
  domain:
    devices:
      interfaces: [{name: default, ${nic}}]
  networks: [{name: default, pod: {}}]
`;

/** What is called, what it reads, and how it ends. */
const CALLS: readonly (readonly [string, string, number])[] = [
  ["validate -f -", vmi("masquerade: {}"), 0],
  ["validate -o json -f -", vmi("slirp: {}"), 1],
  ["validate -o sarif vm.yaml", "", 0],
  ["plan -o yaml -f -", vmi("binding: {name: passt}"), 0],
  ["plan -f -", vmi("masquerade: {}, macAddress: zz"), 3],
  ["render vm.yaml", "", 0],
  ["convert -f -", vmi("slirp: {}"), 0],
  ["explain DISC-1", "", 0],
  ["run -f -", "a: [", 3],
  ["run --wait soon -f -", "", 2],
  ["nonsense", "", 2],
  ["help exit-codes", "", 0],
  ["stop nope", "", 4],
];

test.each(CALLS)("netbind %s", async (line, stdin, code) => {
  writeFileSync(join(directory, "vm.yaml"), vmi("bridge: {}"));
  const call = { stdin, cwd: directory, env: { NETBIND_STATE_DIR: directory } };
  const outcome = await netbind(line.split(" "), call);
  expect(outcome).toEqual(await resident(line.split(" "), call));
  expect(outcome.code, outcome.stderr).toBe(code);
  expect(`${outcome.stdout}${outcome.stderr}`).not.toBe("");
});

/** Prints what a process has loaded, a line each. */
const LISTING = `import { registerHooks } from "node:module";
const loaded = [];
registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
process.on("exit", () => console.error(loaded.join("\\n")));`;

test("validate loads nothing that plans or starts VMs where no plugin is asked: most of a short command is loading", async () => {
  const program = ["--import", `data:text/javascript,${encodeURIComponent(LISTING)}`, ...SOURCE];
  const loadedBy = async (nic: string): Promise<readonly string[]> => {
    const { stderr } = await netbind(["validate", "-f", "-"], { program, stdin: vmi(nic) });
    return [...stderr.matchAll(/\/core\/(engine|local|remote|netns)\/src\/(\S+)\.ts/g)].map(
      ([, name, file]) => `${name} ${file}`,
    );
  };
  expect(await loadedBy("masquerade: {}")).toEqual(["engine terminal-text", "engine nic-status"]);
  expect(await loadedBy("binding: {name: passt}")).toContain("engine index");
});
