/** Third-party plugins are asked by every command, shut off, by root and by an ordinary user, and nothing is left of it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  chmodSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { waitUntil } from "@netbind/netns";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { bundlePlugin } from "../support/build/bundle.ts";
import { netbind, type Outcome } from "../support/guest/netbind.ts";
import { OrdinaryUser } from "../support/guest/ordinary-user.ts";

let directory: string;
let plugin: string;
let user: OrdinaryUser;
const file = (): string => plugin.slice(plugin.indexOf("=") + 1);

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "netbind-plugins-"));
  chmodSync(directory, 0o755);
  // What these commands leave is told from what others do at the same time by where it is.
  const temporary = join(directory, "tmp");
  mkdirSync(temporary);
  chmodSync(temporary, 0o1777);
  process.env["TMPDIR"] = temporary;
  plugin = bundlePlugin("picky", directory);
  user = await OrdinaryUser.make();
});
afterAll(() => {
  user[Symbol.dispose]();
  rmSync(directory, { recursive: true });
});

/** A text of a process' in /proc; empty where it ended meanwhile. */
function textOf(pid: number | string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}
const commandLine = (pid: number | string): string => textOf(pid, "cmdline");

/** Processes that run the plugin's bundle, and files of it. */
const left = (): readonly string[] => [
  ...readdirSync(tmpdir()).filter((name) => name.startsWith("netbind-plugin-")),
  ...readdirSync("/proc").filter(
    (pid) => /^\d+$/.test(pid) && commandLine(pid).includes("/netbind/plugin.mjs") && isOurs(pid),
  ),
];
/** True for a process whose caller is gone: that of another test's command has one. */
const isOurs = (pid: string): boolean => / 1 /.test(/\) \w( \d+ )/.exec(textOf(pid, "stat"))?.[1] ?? "");
afterEach(async () => {
  await waitUntil(() => left().length === 0, 5000);
  expect(left()).toEqual([]);
});

const vm = (nic: string, binding = "picky", registration = ""): string => `
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: vm}
spec:
  domain:
    memory: {guest: 64Mi}
    devices:
      interfaces:
      - {name: ${nic}, binding: {name: ${binding}}}
  networks:
  - {name: ${nic}, pod: {}}
---
apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata: {name: kubevirt, namespace: kubevirt}
spec:
  configuration:
    network: {binding: {picky: {sidecarImage: example.com/picky, domainAttachmentType: tap}${registration}}}
`;

type Ask = (args: readonly string[], stdin: string) => Promise<Outcome>;
const callers: readonly (readonly [string, Ask])[] = [
  ["root", (args, stdin) => netbind(args, { stdin, env: { NETBIND_LOG_DIR: join(directory, "logs") } })],
  ["an ordinary user", (args, stdin) => user.netbind(args, stdin)],
];
const COMMANDS = [["plan"], ["validate"], ["render"]] as const;
const FAILURES = [
  ["throws", /failed to admit NIC "throws": nothing is known of throws \(at [^()]*picky\.ts:\d+:\d+\)/],
  ["exits", /failed to admit NIC "exits": it ended with exit code 7/],
  ["promised", /failed to admit NIC "promised": what admit returned is not a list of violations: it is a promise/],
  [
    "texts",
    /failed to admit NIC "texts": what admit returned is not a list of violations: \[0\]: "no" is not an object/,
  ],
  ["needs-throws", /failed to report the needs of NIC "needs-throws": nothing is known of needs-throws/],
  ["needs-nan", /what needs returned is not what a pod needs: compute\.memoryOverheadBytes: NaN is not a whole number/],
] as const;

describe.each(callers)("asked by %s", (who, ask) => {
  test.each(COMMANDS)(
    "%s refuses a VM whose NIC the plugin refuses, with every violation and its place",
    async (command) => {
      const { code, stdout, stderr } = await ask([command, "-f", "-", "--plugin", plugin], vm("refused"));
      // A cluster accepts it, and its node agent does not attach it.
      expect(code).toBe(command === "validate" ? 0 : 3);
      if (command === "validate") expect(stdout).toContain("warning: accepted, but cannot work: [ADMIT]");
      const printed = `${stdout}${stderr}`;
      expect(printed).toMatch(/standard input:10:\d+: /);
      expect(printed).toContain('spec.domain.devices.interfaces[0].model: "virtio" is not a model for this binding');
      expect(printed).toContain("spec.networks[0].pod: the pod network is not for this binding");
    },
  );

  test.each(COMMANDS.flatMap(([command]) => FAILURES.map(([nic, says]) => [command, nic, says] as const)))(
    "%s refuses a VM whose plugin %s",
    async (command, nic, says) => {
      const { code, stdout, stderr } = await ask([command, "-f", "-", "-o", "json", "--plugin", plugin], vm(nic));
      expect([code, stderr]).toEqual([1, expect.stringContaining("[PLUGIN_FAILED]")]);
      const { error } = JSON.parse(stdout) as {
        readonly error: { readonly code: string; readonly message: string; readonly hint: string };
      };
      expect(error.code).toBe("PLUGIN_FAILED");
      expect(error.message).toMatch(says);
      expect(error.hint).not.toContain("tell the binding's author");
    },
  );

  test("an author reads what the plugin printed and its stack trace, printable, and finds all of it in a file", async () => {
    const { stderr } = await ask(["plan", "-f", "-", "--plugin", plugin], vm("throws"));
    expect(stderr).toContain("the author says:\\u{1b}[2J hello");
    expect(stderr).not.toContain("\u001b");
    expect(stderr).toMatch(/TypeError: nothing is known of throws\n +at \S+ \([^()]*picky\.ts:\d+:\d+\)/);
    expect(stderr).not.toContain("core/remote");
    const kept = /the whole text is in (\S+\.log)\)/.exec(stderr)?.[1] ?? "";
    expect(readFileSync(kept, "utf8")).toContain("the author says:\u001b[2J hello");
  });

  test("a plugin that never answers, or never stops printing, has failed too", async () => {
    const [hangs, shouts] = await Promise.all(
      ["hangs", "shouts"].map((nic) => ask(["plan", "-f", "-", "--plugin", plugin], vm(nic))),
    );
    expect([hangs?.code, hangs?.stderr]).toEqual([
      1,
      expect.stringMatching(/\[PLUGIN_FAILED\].*no answer came within/),
    ]);
    expect([shouts?.code, shouts?.stderr]).toEqual([1, expect.stringContaining("[PLUGIN_FAILED]")]);
    expect(shouts?.stderr.length).toBeLessThan(20_000);
  });

  test("what the plugin needs is in the pod, what it takes is in the plan, and what it is not granted is refused", async () => {
    const pod = await ask(["render", "-f", "-", "--plugin", plugin], vm("needs-device"));
    expect([pod.code, pod.stdout]).toEqual([0, expect.stringContaining("example.com/fpga")]);
    expect(pod.stdout).toContain("example.com/asked");
    const planned = await ask(["plan", "-f", "-", "-o", "json", "--plugin", plugin], vm("fine"));
    const { nics, domainXml } = JSON.parse(planned.stdout) as {
      readonly nics: readonly { readonly pod: { readonly mac: string } }[];
      readonly domainXml: string;
    };
    // takesPodMac
    expect(domainXml).toContain(`<mac address='${nics[0]?.pod.mac}'/>`);
    const refused = await ask(["plan", "-f", "-", "--plugin", plugin], vm("needs-much"));
    expect([refused.code, refused.stderr]).toEqual([
      3,
      expect.stringContaining('needs the capability "SYS_ADMIN", which is not granted to it'),
    ]);
    writeFileSync(join(directory, "grants.json"), '{"picky": {"capabilities": ["SYS_ADMIN"]}}');
    const granted = await ask(
      ["plan", "-f", "-", "--plugin", plugin, "--grants", join(directory, "grants.json")],
      vm("needs-much"),
    );
    expect([granted.code, granted.stdout]).toEqual([0, expect.stringContaining("SYS_ADMIN")]);
  });

  test("it sees nothing of the machine, has no right on it, and no network", async () => {
    const { stderr } = await ask(["plan", "-f", "-", "-o", "json", "--plugin", plugin], vm("looks"));
    const found = JSON.parse(/interfaces\[0\]\.name: (\{.*\})/.exec(stderr)?.[1] ?? "{}") as Record<string, unknown>;
    expect(found).toEqual({
      files: [],
      processes: 2,
      links: ["lo"],
      rights: [
        `Uid:${` ${who === "root" ? 1_899_999_998 : 65_534}`.repeat(4)}`,
        "CapEff: 0000000000000000",
        "CapBnd: 0000000000000000",
        "NoNewPrivs: 1",
      ],
    });
  });

  test("what a plugin may write is in memory of its own, and bounded", async () => {
    const { code, stderr } = await ask(["plan", "-f", "-", "--plugin", plugin], vm("fills"));
    expect([code, stderr]).toEqual([3, expect.stringMatching(/interfaces\[0\]\.name: ENOSPC behind 1[56] MiB/)]);
  });

  test("explain says what a plugin says of itself", async () => {
    const { code, stdout } = await ask(["explain", "picky", "--plugin", plugin], "");
    expect([code, stdout]).toEqual([0, expect.stringContaining("binding picky: a third-party binding")]);
    const { plugins } = JSON.parse((await ask(["explain", "-o", "json", "--plugin", plugin], "")).stdout) as {
      readonly plugins: unknown;
    };
    expect(plugins).toMatchObject([
      { registeredAs: "picky", name: "picky", takesPodMac: true, hooks: ["admit", "needs", "plan"] },
    ]);
  });

  test("a registration that the agent would refuse is refused with the agent's words", async () => {
    const wrong = vm("fine").replace(", domainAttachmentType: tap", "");
    const { code, stderr } = await ask(["plan", "-f", "-", "--plugin", plugin], wrong);
    expect([code, stderr]).toEqual([1, expect.stringContaining("[PLAN_IMPOSSIBLE]")]);
    expect(stderr).toContain(
      "plans a tap, but its registration does not make KubeVirt write the NIC: the guest would have none",
    );
  });

  test(`a process that serves the plugin at a socket is asked there (${who})`, async () => {
    const socket = join(directory, `${who.replace(/\W/g, "")}.sock`);
    const process = await serve(socket);
    try {
      const named = ["--plugin", `picky=unix:${socket}`];
      expect((await ask(["plan", "-f", "-", ...named], vm("fine"))).code).toBe(0);
      const failed = await ask(["validate", "-f", "-", ...named], vm("throws"));
      expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining("nothing is known of throws (at ")]);
    } finally {
      process.kill();
    }
    const gone = await ask(
      ["plan", "-f", "-", "--plugin", `picky=unix:${join(directory, "nowhere.sock")}`],
      vm("fine"),
    );
    expect([gone.code, gone.stderr]).toEqual([3, expect.stringContaining("--plugin picky: there is no socket ")]);
  });
});

/** Serves the plugin beside the test, as its author would, where every user may ask it. */
async function serve(socket: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [file(), "binding", socket], { stdio: "ignore" });
  await waitUntil(() => existsSync(socket), 20_000);
  chmodSync(socket, 0o777);
  return child;
}

test("other names than expected are said aloud", async () => {
  const named = await netbind(["plan", "-f", "-", "--plugin", `masquerade=${file()}`], {
    stdin: vm("fine", "masquerade").replace("picky:", "masquerade:"),
  });
  expect(named.code, named.stderr).toBe(0);
  expect(named.stderr).toContain("replaces this release's own binding masquerade");
  expect(named.stderr).toContain('the binding calls itself "picky"; it serves the NICs of binding "masquerade"');
  const unused = await netbind(["plan", "-f", "-", "--plugin", `${plugin}`, "--plugin", `other=${file()}`], {
    stdin: vm("fine"),
  });
  expect(unused.stderr).toContain("--plugin other: no NIC of the input uses binding other");
});

test.each([
  [["--plugin", "picky"], 2, "Write NAME=FILE or NAME=unix:SOCKET"],
  [["--plugin", "../x=a.mjs"], 2, "Write NAME=FILE or NAME=unix:SOCKET"],
  [["--plugin", "picky=unix:"], 2, "Write NAME=FILE or NAME=unix:SOCKET"],
  [["--plugin", "a=b", "--plugin", "a=c"], 2, "A plugin for a is named already"],
  [["--plugin", "picky=/nowhere.mjs"], 3, "--plugin picky: there is no file /nowhere.mjs"],
  [
    ["--plugin", "picky=/tmp"],
    3,
    "--plugin picky: /tmp is a directory, not a regular file: name the bundle that node sidecars/build.mjs",
  ],
  [["--plugin", "picky=/dev/null"], 3, "--plugin picky: /dev/null is not a regular file: "],
  [
    ["--plugin", "picky=unix:/nowhere.sock"],
    3,
    "--plugin picky: there is no socket /nowhere.sock: start the binding's process there",
  ],
  [
    ["--plugin", "picky=unix:/dev/null"],
    3,
    "--plugin picky: /dev/null is not a socket: start the binding's process there",
  ],
  [["--plugin", "a=/nowhere.mjs", "--plugin", "b=unix:/tmp"], 3, "--plugin b: /tmp is a directory, not a socket"],
  [[], 3, "name its bundle: --plugin picky=FILE"],
  [["--grants", "/nowhere.json"], 3, "/nowhere.json"],
] as const)("a command line with %j is refused", async (args, exit, says) => {
  const { code, stderr } = await netbind(["plan", "-f", "-", ...args], { stdin: vm("fine") });
  expect([code, stderr]).toEqual([exit, expect.stringContaining(says)]);
});

test("a socket that nothing listens at is named, in words", async () => {
  const dead = join(directory, "dead.sock");
  const server = createServer().listen(dead);
  await once(server, "listening");
  const kept = `${dead}.kept`;
  linkSync(dead, kept);
  await new Promise((resolve) => server.close(resolve));
  const { code, stderr } = await netbind(["validate", "-f", "-", "--plugin", `picky=unix:${kept}`], {
    stdin: vm("fine"),
  });
  expect([code, stderr]).toEqual([
    1,
    expect.stringContaining(`failed to describe itself at ${kept}: no process listens on the socket`),
  ]);
  expect(stderr).not.toMatch(/undefined|Resolution note/);
});

test("of several plugins that fail, each is told of", async () => {
  const [throwing, ending] = [join(directory, "throwing.mjs"), join(directory, "ending.mjs")];
  writeFileSync(throwing, 'throw new Error("not today");');
  writeFileSync(ending, "process.exit(9);");
  const { code, stderr } = await netbind(
    ["validate", "-f", "-", "--plugin", `a=${throwing}`, "--plugin", `b=${ending}`],
    {
      stdin: vm("fine"),
    },
  );
  expect(code, stderr).toBe(1);
  expect(stderr).toContain("Error: not today");
  expect(stderr).toContain('binding "b": it did not start: it ended with exit code 9');
});

/** VMs of one NIC each, by the VM's name: the NIC's, its binding, and what else its interface says. */
function vms(of: Readonly<Record<string, readonly [nic: string, binding: string, more?: string]>>): string {
  const [, registered = ""] = vm("", "", ", dead: {sidecarImage: i, domainAttachmentType: tap}").split("---");
  const documents = Object.entries(of).map(([name, [nic, binding, more = ""]]) => {
    const [document = ""] = vm(nic, binding).split("---");
    return document
      .replace("{name: vm}", `{name: ${name}}`)
      .replace(`{name: ${binding}}}`, `{name: ${binding}}${more}}`);
  });
  return [...documents, registered].join("---");
}
/** A rule of KubeVirt's finds this one, whatever any plugin says. */
const BROKEN = ", macAddress: no-address";

test.each([
  [
    "cannot start",
    (): readonly string[] => ["--plugin", `dead=${join(directory, "ending.mjs")}`],
    "a",
    /it ended with exit code 9/,
  ],
  ["crashes", (): readonly string[] => ["--plugin", `dead=${file()}`], "exits", /it ended with exit code 7/],
  ["never answers", (): readonly string[] => ["--plugin", `dead=${file()}`], "hangs", /no answer came within/],
  ["throws", (): readonly string[] => ["--plugin", `dead=${file()}`], "throws", /nothing is known of throws/],
] as const)(
  "beside a plugin that %s, commands tell all that was found of every VM, and of the plugin once",
  async (_, dead, nic, says) => {
    writeFileSync(join(directory, "ending.mjs"), "process.exit(9);");
    const stdin = vms({
      own: ["fine", "picky", BROKEN],
      same: [nic, "dead", BROKEN],
      twin: [nic, "dead"],
      picked: ["refused", "picky"],
    });
    const call = (command: string, ...more: readonly string[]): Promise<Outcome> =>
      netbind([command, "-f", "-", ...more, "--plugin", plugin, ...dead()], { stdin });
    // At once: each waits for a plugin that may not answer.
    await Promise.all(
      COMMANDS.map(async ([command]) => {
        const [reported, json] = await Promise.all([call(command), call(command, "-o", "json")]);
        const printed = `${reported.stdout}${reported.stderr}`;
        expect(reported.code, printed).toBe(1);
        expect(printed.match(/macAddress: "no-address"/g), command).toHaveLength(2);
        expect(printed, command).toContain('"virtio" is not a model for this binding');
        expect(reported.stderr, command).toMatch(says);
        expect(reported.stderr.match(/\[PLUGIN_FAILED\]/g), command).toHaveLength(1);
        expect(reported.stderr, command).toContain('not checked by binding "dead": default/same, default/twin\n');
        expect([command, json.code, JSON.parse(json.stdout)]).toMatchObject([
          command,
          1,
          { error: { code: "PLUGIN_FAILED", plugins: [{ binding: "dead", vms: ["default/same", "default/twin"] }] } },
        ]);
      }),
    );
  },
);

test("a VM that a plugin cannot plan takes no other VM's plan away", async () => {
  const input = vms({ own: ["fine", "picky"], same: ["plans-text", "dead"] });
  const { code, stdout, stderr } = await netbind(
    ["plan", "-f", "-", "--plugin", plugin, "--plugin", `dead=${file()}`],
    { stdin: input },
  );
  expect([code, stderr]).toEqual([1, expect.stringContaining("not planned: default/same\n")]);
  expect(stderr).toContain('failed to plan NIC "plans-text"');
  expect(stdout).toContain("default/own");
});

test("run takes a bundle alone: a sidecar is started from it", async () => {
  const { code, stderr } = await netbind(["run", "-f", "-", "--plugin", "picky=unix:/run/picky.sock"], {
    stdin: vm("fine"),
  });
  expect([code, stderr]).toEqual([
    1,
    expect.stringContaining("run starts a sidecar from the plugin's bundle: write picky=FILE"),
  ]);
});

test("a module that is not a binding, or that throws while it is loaded, is reported by its own lines", async () => {
  const wrong = join(directory, "wrong.ts");
  for (const [text, says] of [
    ['throw new Error("not today");\nexport default {};', /not today \(at \S*wrong\.ts:1:\d+\)/],
    [
      'export default { name: "picky", contract: "v1alpha1", migration: "none", plans: () => ({}) };',
      /plan: the field is missing; plans: there is no field "plans"/,
    ],
    ["export default 1;", /the module's default export, which defines the binding, is not valid: 1 is not an object/],
  ] as const) {
    writeFileSync(wrong, text);
    const bundle = spawn(
      process.execPath,
      ["sidecars/build.mjs", "--plugin", wrong, "--out", join(directory, "wrong.mjs")],
      {
        cwd: fileURLToPath(new URL("../..", import.meta.url)),
      },
    );
    await new Promise((resolve) => bundle.on("exit", resolve));
    const { code, stderr } = await netbind(["plan", "-f", "-", "--plugin", `picky=${join(directory, "wrong.mjs")}`], {
      stdin: vm("fine"),
    });
    expect([code, stderr]).toEqual([1, expect.stringMatching(says)]);
    expect(stderr.length).toBeLessThan(10_000);
  }
});

test("where nobody may make a user namespace, the setting is named, and the plugin is not run otherwise", async () => {
  const { code, stderr } = await user.netbind(["plan", "-f", "-", "--plugin", plugin], vm("fine"), {
    namespaces: false,
  });
  expect([code, stderr]).toEqual([1, expect.stringContaining("[UNAVAILABLE]")]);
  expect(stderr).toContain("user.max_user_namespaces");
  expect(stderr).toContain("--plugin NAME=unix:SOCKET");
});

/** The first processes of sandboxes that a command asks plugins in: what these may write is in their own mount namespaces alone. */
const askedBy = (caller: number | undefined): readonly string[] =>
  childrenOf(caller).flatMap((outer) => (commandLine(outer).startsWith("bwrap") ? childrenOf(outer) : []));

const childrenOf = (pid: number | string | undefined): readonly string[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .split(" ")
    .filter((child) => child.trim() !== "");

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGKILL", null],
] as const)(
  "%s while a plugin is asked leaves nothing, whatever the plugin wrote, and ends with its code",
  async (signal, code) => {
    const main = fileURLToPath(new URL("../../core/cli/src/main.ts", import.meta.url));
    const child = spawn(
      process.execPath,
      ["--conditions=@netbind/source", main, "plan", "-f", "-", "--plugin", plugin],
      { stdio: "pipe" },
    );
    child.stdin.end(vm("fills-and-hangs"));
    const isFull = (pid: string): boolean => existsSync(`/proc/${pid}/root/netbind/ask/14`);
    await waitUntil(() => askedBy(child.pid).some(isFull), 20_000);
    const inner = askedBy(child.pid).find(isFull) ?? expect.fail("the plugin writes nothing");
    child.kill(signal);
    expect(await new Promise((resolve) => child.on("exit", resolve))).toBe(code);
    await waitUntil(() => !existsSync(`/proc/${inner}`), 5000);
    expect([existsSync(`/proc/${inner}`), left()]).toEqual([false, []]);
  },
);
