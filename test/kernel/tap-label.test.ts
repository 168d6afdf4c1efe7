/** Taps are made by a process with their launcher's SELinux label. No kernel of these tests enforces labels. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { applyNetwork, CommandError, type Exec, HeldProcess } from "@netbind/netns";
import { expect, onTestFinished, test } from "vitest";
import { TestNetns } from "../support/netns/netns.ts";

const LABEL = "system_u:system_r:container_t:s0:c1,c2";
const OPERATIONS = {
  ip: [
    "link add name br0 type bridge",
    "tuntap add dev tap0 mode tap user 107 group 107 vnet_hdr",
    "link set tap0 master br0",
  ],
  sysctls: [],
  nft: [],
  unrecoverable: [],
};
const linksOf = async (pod: TestNetns): Promise<readonly string[]> =>
  (JSON.parse(await pod.exec(["ip", "-json", "link", "show"])) as readonly { ifname: string; master?: string }[]).map(
    ({ ifname, master }) => `${ifname} ${master}`,
  );

test("a label that the kernel does not take fails, and no tap is made without it", async () => {
  await using pod = await TestNetns.make();
  await expect(applyNetwork(pod.exec, OPERATIONS, { tapLabel: LABEL })).rejects.toThrow(CommandError);
  expect((await linksOf(pod)).filter((link) => /tap0|br0/.test(link))).toEqual([]);
  await applyNetwork(pod.exec, OPERATIONS);
  expect(await linksOf(pod)).toContain("tap0 br0");
});

test("the process that makes taps has the label, and no other", async () => {
  const directory = mkdtempSync(join(tmpdir(), "netbind-label-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  // In the place of the kernel's file, one for each process; and ip says what it finds.
  const program = '#!/bin/sh\necho "$(cat "$ATTRIBUTES/$$" 2>/dev/null || echo none): $(cat)" >> "$ATTRIBUTES/said"\n';
  mkdirSync(join(directory, "bin"));
  writeFileSync(join(directory, "bin/ip"), program, { mode: 0o755 });
  await using pod = await TestNetns.make();
  const env = { ATTRIBUTES: directory, PATH: `${directory}/bin:${process.env["PATH"]}` };
  const told: Exec = (argv, options) => {
    const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const faked = argv.map((word) =>
      word.replace("/proc/self/attr/exec", "\"$ATTRIBUTES/$(exec sh -c 'echo $PPID')\""),
    );
    return pod.exec(["env", ...assignments, ...faked], options);
  };
  await applyNetwork(told, OPERATIONS, { tapLabel: LABEL });
  const said = await pod.exec(["cat", join(directory, "said")]);
  expect(said.split("\n").filter(Boolean)).toEqual([
    `${LABEL}: ${OPERATIONS.ip[1]}`,
    `none: ${OPERATIONS.ip[0]}`,
    OPERATIONS.ip[2],
  ]);
});

test("without SELinux no process has a label", () => {
  using self = HeldProcess.open(process.pid);
  expect(self?.isAlive).toBe(true);
  expect(self?.selinuxLabel).toBe(undefined);
});
