import { readFileSync } from "node:fs";
import { findVm, type LocalPodRecord } from "@netbind/local";
import { expect, test } from "vitest";
import { demoVmi } from "../demo/vmi.ts";
import { useLab } from "../support/guest/lab.ts";
import { machineState } from "../support/guest/machine.ts";
import { netbind, type Outcome } from "../support/guest/netbind.ts";
import { MISSING_GROUPS, READ_ONLY_GROUPS } from "../support/netns/hidden-groups.ts";
import { HostileNode } from "../support/netns/hostile-node.ts";

const lab = useLab();
const MIB = 1024 ** 2;
const VM = demoVmi({ name: "one", port: 80, nonce: "x" });

const limitsOf = (pid: number | undefined): string => readFileSync(`/proc/${pid}/limits`, "utf8").replace(/ +/g, " ");
const innerOf = (record: LocalPodRecord, role: RegExp): number | undefined =>
  record.processes.find((one) => role.test(one.role))?.processes.at(-1)?.pid;

test("what runs for a VM has limits, and run says what none holds for; its files in memory are bounded", async () => {
  const vmi = VM.replace("spec:\n", "spec:\n  terminationGracePeriodSeconds: 315360000\n");
  const started = await netbind(["run", "-f", "-", "--keep", "-o", "json", "--wait", "0"], {
    env: lab.env,
    stdin: vmi,
  });
  expect(started.code, started.stderr).toBe(0);
  const warnings = started.stderr.split("\n").filter((line) => line.includes("only rlimits apply"));
  expect(warnings).toEqual([
    expect.stringContaining("none limits a VM's memory and processors as a whole: NETBIND_CGROUP is none"),
  ]);
  expect(started.stderr).toContain(
    "terminationGracePeriodSeconds is 315360000: netbind waits at most 300 seconds for a guest to shut down",
  );

  const record = findVm(lab.state, "one");
  const qemu = innerOf(record, /^qemu/);
  expect(limitsOf(qemu)).toMatch(/Max processes 4096 4096[\s\S]*/);
  expect(limitsOf(qemu)).toMatch(/Max core file size 0 0/);
  const sidecar = limitsOf(innerOf(record, /^sidecar/));
  for (const line of [
    "Max processes 2048 2048",
    "Max open files 1024 1024",
    `Max data size ${1024 * MIB} ${1024 * MIB}`,
    "Max core file size 0 0",
  ])
    expect(sidecar).toContain(line);
  const server = limitsOf(innerOf(record, /^dhcp4/));
  for (const line of [
    "Max processes 512 512",
    "Max open files 256 256",
    `Max data size ${32 * MIB} ${32 * MIB}`,
    `Max file size ${16 * MIB} ${16 * MIB}`,
  ])
    expect(server).toContain(line);

  const mounts = readFileSync(`/proc/${qemu}/mountinfo`, "utf8").split("\n");
  const at = (path: string): string => mounts.find((line) => line.split(" ")[4] === path) ?? "";
  for (const path of ["/tmp", "/run", "/var/tmp", "/disks"]) expect(at(path)).toContain("size=65536k");
  expect(at("/dev").split(" ")[5]).toMatch(/^ro,/);
  const inSidecar = readFileSync(`/proc/${innerOf(record, /^sidecar/)}/mountinfo`, "utf8");
  expect(inSidecar).toMatch(/ \/tmp rw.* - tmpfs tmpfs .*size=16384k/);
  await netbind(["stop", "--force", "one"], { env: lab.env });
});

test("a control group that cannot be it is refused before anything is made, with what it lacks", async () => {
  for (const [group, problem] of [
    [
      "/no/such/group",
      /NETBIND_CGROUP is \/no\/such\/group.*(must delegate memory, pids, cpu|no unified control group hierarchy)/,
    ],
    ["relative", /NETBIND_CGROUP is "relative": give a path from the hierarchy's root/],
  ] as const) {
    const refused = await netbind(["run", "-f", "-"], {
      env: { ...lab.env, NETBIND_CGROUP: group },
      stdin: VM,
    });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(problem);
    expect(lab.state.podIds()).toEqual([]);
  }
});

test.each([
  ["missing", MISSING_GROUPS],
  ["read-only", READ_ONLY_GROUPS],
])(
  "where control groups are %s a VM runs, and run says what to do; one that is named is refused; nothing is left",
  async (_, { setUp, says }) => {
    const before = await machineState();
    {
      await using node = await HostileNode.make({ setUp });
      const call = (args: readonly string[], group = ""): Promise<Outcome> =>
        netbind(args, { env: { ...lab.env, NETBIND_CGROUP: group }, stdin: VM, enter: node.enter });
      try {
        const named = await call(["run", "-f", "-"], "/pods");
        expect(named).toMatchObject({
          code: 1,
          stderr: expect.stringContaining(`NETBIND_CGROUP is /pods, and ${says}`),
        });
        expect(await machineState()).toEqual(before);
        const started = await call(["run", "-f", "-", "--keep", "--wait", "0"]);
        expect(started.code, started.stderr).toBe(0);
        expect(started.stderr).toContain(`none limits a VM's memory and processors as a whole: ${says}`);
        expect((await call(["check"])).stdout).toBe("default/one: healthy\n");
      } finally {
        expect(await call(["stop", "--force", "one"])).toMatchObject({ code: 0 });
      }
    }
    expect(await machineState()).toEqual(before);
  },
);
