/**
 * Every fault of KubeVirt's launcher that is in the table, by the two that play it: the host on one machine, and a client
 * on Go's gRPC. The same third-party sidecars stand before both, and hear and answer the same.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  defineBootDomain,
  type ExpectedSidecar,
  HookManager,
  LAUNCHER_FAULTS,
  LauncherPanicError,
  shuffled,
} from "@netbind/pod";
import { expect, test } from "vitest";
import { buildGoTool } from "../support/build/go-tools.ts";
import { HookPod } from "../support/kube/hook-pod.ts";
import { addOwnElement, type HookCall, serveThirdParty, type ThirdParty } from "../support/kube/third-party-sidecar.ts";

type Fault = keyof typeof LAUNCHER_FAULTS;

const DOMAIN =
  "<domain>\n  <devices>\n    <interface type='ethernet'>\n      <alias name='ua-red'/>\n    </interface>\n  </devices>\n</domain>\n";
const vmi = { spec: { domain: { devices: { interfaces: [{ name: "red" }, { name: "gone", state: "absent" }] } } } };
const cloudInit = {
  DataSource: "noCloud",
  NoCloudMetaData: { "instance-id": "vm" },
  UserData: "#!/bin/sh",
  NetworkData: "",
  VolumeName: "v",
};
const point = (name: string, priority = 0): ThirdParty["points"][number] => ({ name, priority });
const sidecar = (at: number, change: Partial<ThirdParty> = {}): ThirdParty => ({
  directory: `hook-sidecar-${at}`,
  socket: `s${at}.sock`,
  points: [point("OnDefineDomain"), point("Shutdown")],
  ...change,
});

/** What became of a VM's start and end. */
interface Played {
  readonly calls: readonly HookCall[];
  /** The fault by which the launcher panicked, and what it said. */
  readonly panic?: { readonly fault: string; readonly why: string };
  /** User data that the VM's disk would have. */
  readonly userData?: string;
  readonly domain?: string;
}

interface Setting {
  readonly hasCloudInit?: boolean;
  readonly deadline?: number;
}

type Player = (
  hooks: string,
  sidecars: readonly ThirdParty[],
  calls: HookCall[],
  setting: Setting,
  pod: HookPod,
) => Promise<Played>;

/** The host believes no domain: here it knows what a third-party sidecar adds. */
const expected = ({ directory: container, points }: ThirdParty): ExpectedSidecar => ({
  binding: container,
  container,
  define: (xml) => (points.some(({ name }) => name === "OnDefineDomain") ? addOwnElement(xml, container) : xml),
});

/** The host on one machine. */
const manager: Player = async (hooks, sidecars, calls, { hasCloudInit, deadline }) => {
  try {
    await using found = await HookManager.collect({ hooks, uid: 0 }, sidecars.map(expected), {
      collect: deadline ?? 30_000,
      round: 60_000,
    });
    const data = await found.preCloudInitIso(hasCloudInit === true ? cloudInit : undefined, vmi);
    const domain = await defineBootDomain(DOMAIN, vmi, found);
    await found.shutdown().catch(() => undefined);
    return { calls, domain, ...(data === undefined ? {} : { userData: data.UserData }) };
  } catch (error) {
    if (!(error instanceof LauncherPanicError)) throw error;
    return { calls, panic: { fault: error.fault, why: error.message } };
  }
};

/** The client in Go. */
const client: Player = async (_hooks, sidecars, calls, { hasCloudInit, deadline = 20_000 }, pod) => {
  const input = { domainXML: DOMAIN, vmi, ...(hasCloudInit === true ? { cloudInit } : {}) };
  const args = ["-count", String(sidecars.length), "-timeout", `${deadline}ms`, "-shutdown"];
  const running = pod.client(buildGoTool("hook-client"), args, input);
  const code = await running.ended;
  const of = (event: string): Readonly<Record<string, unknown>> | undefined =>
    running.events.find((one) => one.event === event);
  const panicked = of("panicked");
  const failed = of("failed");
  if (failed !== undefined) throw new Error(String(failed["why"]));
  expect(code, JSON.stringify(running.events)).toBe(panicked === undefined ? 0 : 2);
  if (panicked !== undefined) return { calls, panic: panicked as unknown as NonNullable<Played["panic"]> };
  const domain = running.events.filter((one) => one.event === "defined").map((one) => String(one["xml"]));
  const userData = of("cloudInit")?.["userData"];
  return { calls, domain: domain.at(-1) ?? "", ...(userData === undefined ? {} : { userData: String(userData) }) };
};

const PLAYERS: Readonly<Record<string, Player>> = { manager, client };

async function play(
  player: Player,
  sidecars: readonly ThirdParty[],
  setting: Setting = {},
  prepare?: (hooks: string) => void,
): Promise<Played> {
  await using pod = new HookPod();
  using served = new DisposableStack();
  const calls: HookCall[] = [];
  for (const one of sidecars) served.use(await serveThirdParty(pod.hooks, one, calls));
  prepare?.(pod.hooks);
  return await player(pod.hooks, sidecars, calls, setting, pod);
}

const whoHeard = ({ calls }: Played, hook: HookCall["hook"]): readonly string[] =>
  calls.filter((call) => call.hook === hook).map((call) => call.sidecar);

const CASES: Readonly<Record<Fault, (player: Player) => Promise<void>>> = {
  "nil-cloud-init": async (player) => {
    const points = [point("OnDefineDomain"), point("PreCloudInitIso")];
    const played = await play(player, [sidecar(0, { points })]);
    expect(played.panic).toMatchObject({ fault: "nil-cloud-init", why: expect.stringContaining("s0.sock") });
    // It panics before it calls anybody.
    expect([whoHeard(played, "PreCloudInitIso"), whoHeard(played, "OnDefineDomain")]).toEqual([[], []]);
    // A subscriber of the oldest version is passed over.
    expect((await play(player, [sidecar(0, { points, versions: ["v1alpha1"] })])).panic).toBeUndefined();
  },
  "first-answer": async (player) => {
    const points = [point("PreCloudInitIso")];
    const says = (UserData: string): Partial<ThirdParty> => ({
      points,
      cloudInit: (data) => JSON.stringify({ ...JSON.parse(data), UserData }),
    });
    const hasCloudInit = true;
    const played = await play(player, [sidecar(0, says("first")), sidecar(1, says("second"))], { hasCloudInit });
    expect([whoHeard(played, "PreCloudInitIso"), played.userData]).toEqual([["hook-sidecar-0"], "first"]);
    const skipped = [sidecar(0, { ...says("first"), versions: ["v1alpha1"] }), sidecar(1, says("second"))];
    expect((await play(player, skipped, { hasCloudInit })).userData).toBe("second");
    // An answer without user data is none: the form of before is read.
    expect((await play(player, [sidecar(0, says(""))], { hasCloudInit })).userData).toBe("legacy");
  },
  "base-names": async (player) => {
    const socket = "passt.sock";
    const { panic } = await play(player, [sidecar(0, { socket }), sidecar(1, { socket })], { deadline: 1500 });
    expect(panic).toMatchObject({
      fault: "base-names",
      why: expect.stringMatching(/^1 of 2 sidecars were collected .*passt\.sock/s),
    });
  },
  "stray-files": async (player) => {
    const played = await play(player, [sidecar(0), sidecar(1)], {}, (hooks) => {
      writeFileSync(join(hooks, "hook-sidecar-0/a-note.txt"), "hello");
      mkdirSync(join(hooks, "hook-sidecar-0/own"));
    });
    expect(whoHeard(played, "Info")).toEqual(["hook-sidecar-0", "hook-sidecar-1"]);
    // It does not count for a sidecar that is missing.
    const missing = (): Promise<Played> =>
      play(
        (hooks, sidecars, ...rest) => player(hooks, [...sidecars, sidecar(1)], ...rest),
        [sidecar(0)],
        { deadline: 1000 },
        (hooks) => writeFileSync(join(hooks, "hook-sidecar-0/a-note.txt"), "hello"),
      );
    await expect(missing()).rejects.toThrow(/1 of 2 sidecars were collected/);
  },
  "no-priorities": async (player) => {
    const first = sidecar(10, { points: [point("OnDefineDomain", 1)] });
    const last = sidecar(2, { points: [point("OnDefineDomain", 1000)] });
    const played = await play(player, [last, first]);
    expect(whoHeard(played, "OnDefineDomain").slice(0, 2)).toEqual(["hook-sidecar-10", "hook-sidecar-2"]);
    expect(played.domain).toMatch(/<!-- hook-sidecar-10 -->.*<!-- hook-sidecar-2 -->/s);
  },
  "random-order": async (player) => {
    // Their numbers differ each time; a launcher takes them as they are numbered.
    const orders = [0, 0.5, 0.99].map((number) => shuffled(["bridge", "masquerade", "passt"], () => number));
    expect(orders).toEqual([
      ["bridge", "masquerade", "passt"],
      ["masquerade", "passt", "bridge"],
      ["passt", "masquerade", "bridge"],
    ]);
    for (const order of orders) {
      const names = order.map((name, at) => sidecar(at, { socket: `${name}.sock` }));
      expect(whoHeard(await play(player, names), "OnDefineDomain").slice(0, 3)).toEqual(
        names.map(({ directory }) => directory),
      );
    }
  },
  placeholders: async (player) => {
    const { calls } = await play(player, [sidecar(0)]);
    const sent = calls.filter(({ hook }) => hook === "OnDefineDomain").map((call) => call.sent);
    // One NIC of the VM's own and three placeholders; then none; then the answer to that.
    expect(sent.map((xml) => xml.split("<alias name").length - 1)).toEqual([4, 1, 1]);
    expect([0, 1, 2].every((at) => new RegExp(`placeholder-${at}`).test(sent[0] ?? ""))).toBe(true);
    expect(sent.map((xml) => xml.includes("ua-red"))).toEqual([true, true, true]);
  },
  "shutdown-ends": async (player) => {
    const old = sidecar(0, { versions: ["v1alpha2"] });
    const played = await play(player, [old, sidecar(1), sidecar(2, { failsToShutDown: true }), sidecar(3)]);
    expect(whoHeard(played, "Shutdown")).toEqual(["hook-sidecar-1", "hook-sidecar-2"]);
  },
};

for (const [name, player] of Object.entries(PLAYERS))
  test.each(Object.keys(LAUNCHER_FAULTS) as readonly Fault[])(`${name} plays %s`, { timeout: 900_000 }, (fault) =>
    CASES[fault](player),
  );
