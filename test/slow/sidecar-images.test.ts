/** Each binding's sidecar from its own image, with a real guest where this machine has what it takes. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { anAttachment } from "@netbind/contract/testing";
import { findVm, listVms } from "@netbind/local";
import { endProcesses, exec, isAlive, makeDirectory, type ProcessId, waitUntil } from "@netbind/netns";
import sriov from "@netbind/plugin-sriov";
import { processesOf, VM_UIDS } from "@netbind/pod";
import { attachSidecar, connectHooks } from "@netbind/remote/sidecar";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readImageSource } from "../../core/local/src/images/image-source.ts";
import { type CachedSidecarImage, ensureSidecarImage } from "../../core/local/src/images/sidecar-image-cache.ts";
import { startSidecar } from "../../core/local/src/pod/sidecar-process.ts";
import { useLab } from "../support/guest/lab.ts";
import { machineState } from "../support/guest/machine.ts";
import { netbind } from "../support/guest/netbind.ts";
import { type Entry, tarOf, writeLayout } from "../support/images/oci-layout.ts";
import { removeOldSidecars, SidecarRegistry } from "../support/images/sidecar-registry.ts";
import { interruptAtEach, kill, RUN, trace } from "../support/kill/kill.ts";
import { KillLab } from "../support/kill/kill-lab.ts";
import { documents, kubevirt, multus, nad, vm } from "../support/kube/objects.ts";
import { HostileNode, MASKED } from "../support/netns/hostile-node.ts";
import { TestNetns } from "../support/netns/netns.ts";

const lab = useLab();
let images: SidecarRegistry;
beforeAll(async () => {
  removeOldSidecars(lab.state.cache);
  images = await SidecarRegistry.start(["bridge", "macvtap", "masquerade", "passt", "slirp", "sriov"]);
  process.env["SSL_CERT_FILE"] = images.registry.certificate;
});
afterAll(async () => {
  delete process.env["SSL_CERT_FILE"];
  await images[Symbol.asyncDispose]();
});

const onPod = (nic: object): object =>
  vm("one", { interfaces: [{ name: "red", ...nic }], networks: [{ name: "red", pod: {} }] });

/** The VM's one sidecar is a container of this release's image. */
function expectContainer(binding: string): void {
  const record = findVm(lab.state, "one");
  expect(record.sidecars?.[binding]).toMatchObject({ image: images.reference(binding), base: expect.any(String) });
  expect(processesOf(record, `sidecar ${binding}`)).toHaveLength(1);
}

test.each([
  ["masquerade", onPod({ masquerade: {} }), "10.0.2.2"],
  ["bridge", onPod({ bridge: {} }), "10.244.0."],
  ["slirp", onPod({ binding: { name: "slirp" } }), "10.0.2.15"],
  ["passt", onPod({ binding: { name: "passt" }, ports: [{ port: 80 }] }), "10.244.0."],
])("%s from its image: the guest has its address", async (binding, vmi, address) => {
  await lab.start(JSON.stringify(vmi), ...images.options);
  expectContainer(binding);
  expect(await lab.inGuest("one", "ip -4 addr show eth0")).toContain(address);
  await lab.stop("one");
});

/** What a VM's sidecar takes is in the cache before: a test's own machine does not have the registry's loopback. */
const fetched = (binding: string): Promise<CachedSidecarImage> =>
  ensureSidecarImage(
    { exec, cache: lab.state.cache, progress: () => undefined, signal: new AbortController().signal },
    { source: readImageSource(images.reference(binding), { directories: [], own: [] }) },
  );

test("macvtap from its image: the guest has the MAC address that it asked for", async () => {
  await using machine = await TestNetns.make();
  await machine.exec(["ip", "link", "add", "phys0", "up", "type", "veth", "peer", "name", "phys1"]);
  await fetched("macvtap");
  const DP_MACVTAP_CONF = JSON.stringify([{ name: "dataplane", lowerDevice: "phys0", mode: "bridge", capacity: 2 }]);
  const macAddress = "02:00:00:00:aa:0a";
  const input = documents(
    vm("one", {
      interfaces: [{ name: "lan", binding: { name: "macvtap" }, macAddress }],
      networks: [multus("lan", "lan")],
    }),
    nad("lan", { type: "macvtap" }, "macvtap.network.kubevirt.io/dataplane"),
    {
      ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "macvtap-deviceplugin-config" } },
      data: { DP_MACVTAP_CONF },
    },
  );
  const run = ["run", "-f", "-", "--keep", "--wait", "0", ...images.options];
  const started = await netbind(run, { env: lab.env, stdin: input, netns: machine.path });
  expect(started.code, started.stderr).toBe(0);
  expectContainer("macvtap");
  await lab.booted("one");
  expect(await lab.inGuest("one", "cat /sys/class/net/*/address")).toContain(macAddress);
  expect((await netbind(["stop", "--force", "one"], { env: lab.env, netns: machine.path })).code).toBe(0);
});

test("sriov from its image, without the device that only the nested machine has: attached, asked as virt-launcher asks, ended by Shutdown", async () => {
  const { base, ...command } = await fetched("sriov");
  const uid = VM_UIDS.first + VM_UIDS.count - 1;
  const home = { podDirectory: join(lab.directory, "sriov"), writable: join(lab.directory, "sriov-writable") };
  for (const directory of Object.values(home)) makeDirectory(directory);
  let started: readonly ProcessId[] = [];
  try {
    const spec = { container: "hook-sidecar-0", image: images.reference("sriov"), base, command };
    const place = { ...home, netns: "/proc/self/ns/net", user: { uid, gid: uid }, cache: lab.state.cache };
    await startSidecar("sriov", spec, place, (processes) => {
      started = processes;
    });
    const attachment = anAttachment({
      network: { kind: "multus", networkName: "sriov", default: false },
      allocatedDevices: ["0000:05:10.1"],
    });
    const location = { base: join(home.writable, "hooks"), components: ["hook-sidecar-0"], uid };
    const nics = [{ attachment, plan: sriov.plan(attachment) }];
    await attachSidecar(location, { namespace: "default", name: "vm", uid: "u", nics });
    const hooks = connectHooks(join(home.writable, "hooks/hook-sidecar-0/sriov-hook-sidecar-0.sock"), 20);
    expect((await hooks.info()).name).toBe("sriov");
    await hooks.shutdown("v1alpha3");
    hooks.close();
    expect(await waitUntil(() => !started.some(isAlive), 2000)).toBe(true);
  } finally {
    await endProcesses(started);
    for (const directory of Object.values(home)) rmSync(directory, { recursive: true });
  }
});

test("an image whose container runs and opens no socket is said to be no sidecar, and nothing of it is left", async () => {
  const before = await machineState();
  const layout = mkdtempSync("/var/tmp/netbind-slow-layout-");
  try {
    const files = ["usr/bin/sleep", "lib/x86_64-linux-gnu/libc.so.6", "lib64/ld-linux-x86-64.so.2"];
    const entries = files.map((name): Entry => ({ name, mode: 0o755, content: readFileSync(`/${name}`) }));
    writeLayout(layout, { layers: [await tarOf(entries)], config: { Entrypoint: ["/usr/bin/sleep", "1000"] } });
    await images.registry.push(layout, "image", "sleeps:1");
    const image = `${images.registry.host}/sleeps:1`;
    const stdin = documents(onPod({ masquerade: {} }), kubevirt({ masquerade: { sidecarImage: image } }));
    const outcome = await netbind(["run", "-f", "-", "--sidecars", "image"], { env: lab.env, stdin });
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain(
      `image ${image}: as the sidecar of binding "masquerade" its container runs, and does`,
    );
    expect(listVms(lab.state)).toEqual([]);
    expect(await machineState()).toEqual(before);
  } finally {
    rmSync(layout, { recursive: true });
  }
});

test("an image that opens the socket and speaks no gRPC there is refused by its binding, and nothing of it is left", async () => {
  const before = await machineState();
  const layout = mkdtempSync("/var/tmp/netbind-slow-layout-");
  try {
    const own = "/var/run/kubevirt-hooks/netbind";
    const program = `fs.mkdirSync("${own}"); net.createServer((s) => s.end("no")).listen("${own}/attach.sock")`;
    const image = `${layout}/oci:image`;
    await exec(["skopeo", "--insecure-policy", "copy", "-q", `oci:${images.layout}:masquerade`, `oci:${image}`]);
    const command = ["/usr/bin/node", "-e", program].flatMap((word) => ["--config.entrypoint", word]);
    await exec([
      "umoci",
      "config",
      "--image",
      image,
      "--clear",
      "config.entrypoint",
      "--clear",
      "config.cmd",
      ...command,
    ]);
    await images.registry.push(join(layout, "oci"), "image", "deaf:1");
    const registered = kubevirt({ masquerade: { sidecarImage: `${images.registry.host}/deaf:1` } });
    const stdin = documents(onPod({ masquerade: {} }), registered);
    const outcome = await netbind(["run", "-f", "-", "--sidecars", "image"], { env: lab.env, stdin });
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain(
      `the sidecar of binding "masquerade" from image ${images.registry.host}/deaf:1 does not answer Attach`,
    );
    expect(listVms(lab.state)).toEqual([]);
    expect(await machineState()).toEqual(before);
  } finally {
    rmSync(layout, { recursive: true });
  }
});

test("a sidecar runs from its image where /proc is masked, read-only and lxcfs's, as its sandbox does", async () => {
  const run = ["run", "-f", "-", "--keep", "--wait", "0", ...images.options];
  const stdin = JSON.stringify(onPod({ masquerade: {} }));
  const before = await machineState();
  {
    await using node = await HostileNode.make({ setUp: MASKED });
    const options = { env: lab.env, enter: node.enter };
    const started = await netbind(run, { ...options, stdin });
    expect(started.code, started.stderr).toBe(0);
    expectContainer("masquerade");
    expect((await netbind(["check"], options)).stdout).toBe("default/one: healthy\n");
    expect((await netbind(["stop", "--force", "one"], options)).code).toBe(0);
  }
  expect(await machineState()).toEqual(before);
});

test("a VM from images moves, and its sidecar there is of the same image", async () => {
  await lab.start(JSON.stringify(onPod({ masquerade: {} })), ...images.options);
  const source = processesOf(findVm(lab.state, "one"), "sidecar masquerade");
  const migrated = await netbind(["migrate", "one", "--wait", "0"], { env: lab.env });
  expect(migrated.code, migrated.stderr).toBe(0);
  expectContainer("masquerade");
  expect(source.some(isAlive)).toBe(false);
  await lab.stop("one");
});

test("a start from images killed at every point: a healthy VM or nothing at all; interrupted: nothing", {
  timeout: 1_800_000,
}, async () => {
  await fetched("masquerade");
  await using lab = await KillLab.make(JSON.stringify(onPod({ masquerade: {} })));
  const scenario = { name: "run", args: [...RUN.args, ...images.options] };
  const points = await trace(lab, scenario);
  expect(points.length).toBeGreaterThanOrEqual(25);
  for (let at = 1; at <= points.length; at++) console.log(`  ${await kill(lab, scenario, at)}: nothing lost`);
  await interruptAtEach(lab, scenario, points.length);
});
