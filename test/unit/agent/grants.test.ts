/** What an administrator grants bindings is read before anything is done, and told where it says something else. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkGrants, readGrants } from "@netbind/engine";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { netbind, type Outcome } from "../../support/guest/netbind.ts";
import { useNetbind } from "../../support/guest/use-netbind.ts";

const AGENT = fileURLToPath(new URL("../../../core/agent/src/main.ts", import.meta.url));
const resident = useNetbind();

test("kinds that there are, and settings of a network: all that is wrong is reported with its place", () => {
  expect(
    checkGrants({
      a: { domainKinds: ["passt", "vhostuser", "vdpa"], linkKinds: [], sysctls: ["net.ipv4.conf.<own>.proxy_arp"] },
      b: {},
    }),
  ).toEqual([]);
  const fields = (grants: unknown): readonly string[] => checkGrants(grants).map(({ field }) => field);
  expect(fields([])).toEqual([""]);
  expect(
    fields({ a: { domainKinds: ["tap", "device"], sysctl: [] }, b: { sysctls: 1, serviceKinds: ["dns"] } }),
  ).toEqual(["a.domainKinds[1]", "a.sysctl", "b.sysctls", "b.serviceKinds[0]"]);
  expect(fields({ a: { sysctls: ["kernel.core_pattern", "net.ipv4/../x", "net.ipv4.ip_forward"] } })).toEqual([
    "a.sysctls[0]",
    "a.sysctls[1]",
  ]);
});

/** Files that are not grants, and what is said of each. */
const MALFORMED: readonly (readonly [string, readonly string[]])[] = [
  ["", [":1:1: it is not valid JSON"]],
  ["{", [":1:2: it is not valid JSON"]],
  ['{\n  "a": {}\n  "b": {}\n}', [":3:3: it is not valid JSON"]],
  ['{\n  "a": {"sysctls": [1,}\n}', [":2:23: it is not valid JSON"]],
  ["[]", [": a list is not an object"]],
  ["null", [": null is not an object"]],
  ['{"a": []}', [": a: a list is not an object"]],
  ['{"a": {"sysctls": [null]}}', [": a.sysctls[0]: null is not a dotted key"]],
  [
    '{"a": {"domainKinds": ["disk"], "sysctls": ["kernel.x", 1]}, "b": {"sysctl": []}}',
    [
      ': a.domainKinds[0]: "disk" is not one of tap, passt, vhostuser, vdpa, userNetwork, hostdev',
      ': a.sysctls[0]: "kernel.x" is not a dotted key',
      ": a.sysctls[1]: 1 is not a dotted key",
      ': b.sysctl: unknown field "sysctl"',
    ],
  ],
];

const agent = (args: readonly string[]): Promise<Outcome> =>
  netbind(args, { program: ["--conditions=@netbind/source", AGENT] });

describe("a file that is not of grants", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "netbind-grants-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));
  /** By the agent, and by the command. */
  const readers: readonly (readonly [string, (file: string) => Promise<Outcome>])[] = [
    [
      "agent",
      (file) => agent(["--node", "n", "--objects", directory, "--state", join(directory, "state"), "--grants", file]),
    ],
    ["plan", (file) => resident(["plan", "-f", "-", "--grants", file])],
    ["run", (file) => resident(["run", "-f", "-", "--grants", file])],
  ];

  const reported = (file: string): string => {
    try {
      return JSON.stringify(readGrants(file, () => readFileSync(file, "utf8")));
    } catch (error) {
      return (error as Error).message;
    }
  };

  test.each(MALFORMED)("%j: all that is wrong is reported with its place, and what to do", (text, says) => {
    const file = join(directory, "grants.json");
    writeFileSync(file, text);
    for (const one of says) expect(reported(file)).toContain(`${file}${one}`);
    expect(reported(file).match(/^ {4}fix: ./gm)).toHaveLength(says.length);
  });

  test("the agent names a network namespace that it cannot read, and what to do, with the code of its options", async () => {
    const nowhere = join(directory, "net");
    const { code, stderr } = await agent(["--node", "n", "--objects", directory, "--node-netns", nowhere]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining(`${nowhere} cannot be read (ENOENT): give the agent the capability SYS_PTRACE`),
    ]);
  });

  test.each(readers)("%s ends with the code of a refused input", async (_, call) => {
    const file = join(directory, "grants.json");
    for (const text of ["{", '{"a": []}']) {
      writeFileSync(file, text);
      const { code, stderr } = await call(file);
      expect([code, stderr]).toEqual([3, expect.stringContaining(reported(file))]);
    }
    const { code, stderr } = await call(directory);
    expect([code, stderr]).toEqual([3, expect.stringContaining(`${directory}: it cannot be read: `)]);
  });

  test("a null stands for a field that is not there", () => {
    expect(readGrants("f", () => '{"a": null, "b": {"sysctls": null, "linkKinds": ["tap"]}}')).toEqual({
      b: { linkKinds: ["tap"] },
    });
  });

  test.each(["--pod-link", "--pod-network"])("so is what %s names", async (option) => {
    const file = join(directory, "named.json");
    const command = option === "--pod-link" ? "plan" : "run";
    for (const [text, says] of [
      ["{", ":1:2: it is not valid JSON"],
      ["null", ": it is not a valid "],
    ] as const) {
      writeFileSync(file, text);
      const { code, stderr } = await resident([command, "-f", "-", option, file]);
      expect([code, stderr]).toEqual([3, expect.stringContaining(`${file}${says}`)]);
    }
    const { code, stderr } = await resident([command, "-f", "-", option, directory]);
    expect([code, stderr]).toEqual([3, expect.stringContaining(`${directory}: it cannot be read: `)]);
  });
});
