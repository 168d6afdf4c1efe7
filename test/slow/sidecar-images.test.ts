/** Each binding's sidecar from its own image, with a real guest where this machine has what it takes. */
import { mkdtempSync, rmSync } from "node:fs";
import { findVm, listVms } from "@netbind/local";
import { exec } from "@netbind/netns";
import { processesOf } from "@netbind/pod";
import { afterAll, beforeAll, expect, test } from "vitest";
import { useLab } from "../support/guest/lab.ts";
import { machineState } from "../support/guest/machine.ts";
import { netbind } from "../support/guest/netbind.ts";
import { type Entry, tarOf, writeLayout } from "../support/images/oci-layout.ts";
import { keepSidecarCache, SidecarRegistry } from "../support/images/sidecar-registry.ts";
import { KillLab, SCENARIOS } from "../support/kill/kill-lab.ts";
import { documents, kubevirt, multus, nad, vm } from "../support/kube/objects.ts";
import { TestNetns } from "../support/netns/netns.ts";

const lab = useLab();
let images: SidecarRegistry;
let kept: Disposable;
beforeAll(async () => {
  kept = keepSidecarCache(lab.state.cache);
  images = await SidecarRegistry.start(["bridge", "macvtap", "masquerade", "passt", "slirp", "sriov"]);
  process.env["SSL_CERT_FILE"] = images.registry.certificate;
});
afterAll(async () => {
  delete process.env["SSL_CERT_FILE"];
  await images[Symbol.asyncDispose]();
  kept[Symbol.dispose]();
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
  ["passt", onPod({ binding: { name: "passt" } }), "10.244.0."],
])("%s from its image: the guest has its address", async (binding, vmi, address) => {
  await lab.start(JSON.stringify(vmi), ...images.options);
  expectContainer(binding);
  expect(await lab.inGuest("one", "ip -4 addr show eth0")).toContain(address);
  await lab.stop("one");
});

test("macvtap from its image: the guest has the MAC address that it asked for", async () => {
  await using machine = await TestNetns.make();
  await machine.exec(["ip", "link", "add", "phys0", "type", "dummy"]);
  await machine.exec(["ip", "link", "set", "phys0", "up"]);
  const DP_MACVTAP_CONF = JSON.stringify([{ name: "dataplane", lowerDevice: "phys0", mode: "bridge", capacity: 2 }]);
  const macAddress = "02:00:00:00:aa:0a";
  const input = documents(
    vm("one", {
      interfaces: [{ name: "lan", binding: { name: "macvtap" }, macAddress }],
      networks: [multus("lan", "lan")],
    }),
    nad("lan", { type: "macvtap" }, "macvtap.network.kubevirt.io/dataplane"),
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "macvtap-deviceplugin-config" },
      data: { DP_MACVTAP_CONF },
    },
  );
  // The registry is on this machine's loopback, which the other does not have: what it takes is in the cache before.
  await exec(["ip", "netns", "exec", machine.name, "true"]);
  const [file = "", ...rest] = ["run", "-f", "-", "--keep", "--wait", "0", ...images.options];
  const first = await netbind([file, ...rest], { env: lab.env, stdin: input });
  expect(first.code).not.toBe(0);
  const started = await netbind([file, ...rest], { env: lab.env, stdin: input, netns: machine.path });
  expect(started.code, started.stderr).toBe(0);
  expectContainer("macvtap");
  expect(await lab.inGuest("one", "cat /sys/class/net/*/address")).toContain(macAddress);
  expect((await netbind(["stop", "--force", "one"], { env: lab.env, netns: machine.path })).code).toBe(0);
});
