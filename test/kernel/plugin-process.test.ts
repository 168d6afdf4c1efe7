/** Third-party plugins are asked by every command, shut off, by root and by an ordinary user, and nothing is left of it. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { waitUntil } from "@netbind/netns";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { netbind, type Outcome } from "../support/guest/netbind.ts";
import { OrdinaryUser } from "../support/guest/ordinary-user.ts";
import { commandLine, leftOfPlugins, usePicky, vm } from "../support/plugins/picky.ts";

const picky = usePicky();
let user: OrdinaryUser;
beforeAll(async () => {
  user = await OrdinaryUser.make();
});
afterAll(() => user[Symbol.dispose]());

type Ask = (args: readonly string[], stdin: string) => Promise<Outcome>;
const callers: readonly (readonly [string, Ask])[] = [
  ["root", (args, stdin) => netbind(args, { stdin, env: { NETBIND_LOG_DIR: join(picky.directory, "logs") } })],
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
      const { code, stdout, stderr } = await ask([command, "-f", "-", "--plugin", picky.option], vm("refused"));
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
      const { code, stdout, stderr } = await ask([command, "-f", "-", "-o", "json", "--plugin", picky.option], vm(nic));
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
    const { stderr } = await ask(["plan", "-f", "-", "--plugin", picky.option], vm("throws"));
    expect(stderr).toContain("the author says:\\u{1b}[2J hello");
    expect(stderr).not.toContain("\u001b");
    expect(stderr).toMatch(/TypeError: nothing is known of throws\n +at \S+ \([^()]*picky\.ts:\d+:\d+\)/);
    expect(stderr).not.toContain("core/remote");
    const kept = /the whole text is in (\S+\.log)\)/.exec(stderr)?.[1] ?? "";
    expect(readFileSync(kept, "utf8")).toContain("the author says:\u001b[2J hello");
  });

  test("a plugin that never answers, or never stops printing, has failed too", async () => {
    const [hangs, shouts] = await Promise.all(
      ["hangs", "shouts"].map((nic) => ask(["plan", "-f", "-", "--plugin", picky.option], vm(nic))),
    );
    expect([hangs?.code, hangs?.stderr]).toEqual([
      1,
      expect.stringMatching(/\[PLUGIN_FAILED\].*no answer came within/),
    ]);
    expect([shouts?.code, shouts?.stderr]).toEqual([1, expect.stringContaining("[PLUGIN_FAILED]")]);
    expect(shouts?.stderr.length).toBeLessThan(20_000);
  });

  const GRANTS = { capabilities: ["SYS_ADMIN"], devices: ["example.com/fpga"], annotations: ["example.com/asked"] };

  test("what the plugin needs is in the pod, what it takes is in the plan, and what it is not granted is refused", async () => {
    const pod = await ask(["render", "-f", "-", "--plugin", picky.option], vm("needs-device"));
    expect([pod.code, pod.stdout]).toEqual([0, expect.stringContaining("example.com/fpga")]);
    expect(pod.stdout).toContain("example.com/asked");
    const planned = await ask(["plan", "-f", "-", "-o", "json", "--plugin", picky.option], vm("fine"));
    const { nics, domainXml } = JSON.parse(planned.stdout) as {
      readonly nics: readonly { readonly pod: { readonly mac: string } }[];
      readonly domainXml: string;
    };
    // takesPodMac
    expect(domainXml).toContain(`<mac address='${nics[0]?.pod.mac}'/>`);
    const refused = await ask(["plan", "-f", "-", "--plugin", picky.option], vm("needs-much"));
    expect([refused.code, refused.stderr]).toEqual([
      3,
      expect.stringContaining('needs the capability "SYS_ADMIN", which is not granted to it'),
    ]);
    writeFileSync(join(picky.directory, "grants.json"), JSON.stringify({ picky: GRANTS }));
    const granted = await ask(
      ["plan", "-f", "-", "--plugin", picky.option, "--grants", join(picky.directory, "grants.json")],
      vm("needs-much"),
    );
    expect([granted.code, granted.stdout]).toEqual([0, expect.stringContaining("SYS_ADMIN")]);
  });

  test("it sees nothing of the machine, has no right on it, and no network", async () => {
    const { stderr } = await ask(["plan", "-f", "-", "-o", "json", "--plugin", picky.option], vm("looks"));
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
    const { code, stderr } = await ask(["plan", "-f", "-", "--plugin", picky.option], vm("fills"));
    expect([code, stderr]).toEqual([3, expect.stringMatching(/interfaces\[0\]\.name: ENOSPC behind 1[56] MiB/)]);
  });

  test("explain says what a plugin says of itself", async () => {
    const { code, stdout } = await ask(["explain", "picky", "--plugin", picky.option], "");
    expect([code, stdout]).toEqual([0, expect.stringContaining("binding picky: a third-party binding")]);
    const { plugins } = JSON.parse((await ask(["explain", "-o", "json", "--plugin", picky.option], "")).stdout) as {
      readonly plugins: unknown;
    };
    expect(plugins).toMatchObject([
      { registeredAs: "picky", name: "picky", takesPodMac: true, hooks: ["admit", "needs", "plan"] },
    ]);
  });

  test("a registration that the agent would refuse is refused with the agent's words", async () => {
    const wrong = vm("fine").replace(", domainAttachmentType: tap", "");
    const { code, stderr } = await ask(["plan", "-f", "-", "--plugin", picky.option], wrong);
    expect([code, stderr]).toEqual([1, expect.stringContaining("[PLAN_IMPOSSIBLE]")]);
    expect(stderr).toContain(
      "plans a tap, but its registration does not make KubeVirt write the NIC: the guest would have none",
    );
  });

  test(`a process that serves the plugin at a socket is asked there (${who})`, async () => {
    const socket = join(picky.directory, `${who.replace(/\W/g, "")}.sock`);
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
      ["plan", "-f", "-", "--plugin", `picky=unix:${join(picky.directory, "nowhere.sock")}`],
      vm("fine"),
    );
    expect([gone.code, gone.stderr]).toEqual([3, expect.stringContaining("--plugin picky: there is no socket ")]);
  });
});

/** Serves the plugin beside the test, as its author would, where every user may ask it. */
async function serve(socket: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [picky.file, "binding", socket], { stdio: "ignore" });
  await waitUntil(() => existsSync(socket), 20_000);
  chmodSync(socket, 0o777);
  return child;
}

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
    (): readonly string[] => ["--plugin", `dead=${join(picky.directory, "ending.mjs")}`],
    "a",
    /it ended with exit code 9/,
  ],
  ["crashes", (): readonly string[] => ["--plugin", `dead=${picky.file}`], "exits", /it ended with exit code 7/],
  ["never answers", (): readonly string[] => ["--plugin", `dead=${picky.file}`], "waits", /no answer came within/],
  ["throws", (): readonly string[] => ["--plugin", `dead=${picky.file}`], "throws", /nothing is known of throws/],
] as const)(
  "beside a plugin that %s, commands tell all that was found of every VM, and of the plugin once",
  async (_, dead, nic, says) => {
    writeFileSync(join(picky.directory, "ending.mjs"), "process.exit(9);");
    const stdin = vms({
      own: ["fine", "picky", BROKEN],
      same: [nic, "dead", BROKEN],
      twin: [nic, "dead"],
      picked: ["refused", "picky"],
    });
    const call = (command: string, ...more: readonly string[]): Promise<Outcome> =>
      netbind([command, "-f", "-", ...more, "--plugin", picky.option, ...dead()], { stdin });
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
    ["plan", "-f", "-", "--plugin", picky.option, "--plugin", `dead=${picky.file}`],
    { stdin: input },
  );
  expect([code, stderr]).toEqual([1, expect.stringContaining("not planned: default/same\n")]);
  expect(stderr).toContain('failed to plan NIC "plans-text"');
  expect(stdout).toContain("default/own");
});

test("where nobody may make a user namespace, the setting is named, and the plugin is not run otherwise", async () => {
  const { code, stderr } = await user.netbind(["plan", "-f", "-", "--plugin", picky.option], vm("fine"), {
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
      ["--conditions=@netbind/source", main, "plan", "-f", "-", "--plugin", picky.option],
      { stdio: "pipe" },
    );
    child.stdin.end(vm("fills-and-hangs"));
    const isFull = (pid: string): boolean => existsSync(`/proc/${pid}/root/netbind/ask/14`);
    await waitUntil(() => askedBy(child.pid).some(isFull), 20_000);
    const inner = askedBy(child.pid).find(isFull) ?? expect.fail("the plugin writes nothing");
    child.kill(signal);
    expect(await new Promise((resolve) => child.on("exit", resolve))).toBe(code);
    await waitUntil(() => !existsSync(`/proc/${inner}`), 5000);
    expect([existsSync(`/proc/${inner}`), leftOfPlugins()]).toEqual([false, []]);
  },
);
