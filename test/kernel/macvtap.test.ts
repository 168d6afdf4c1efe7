/** The host as macvtap's CNI plugin and device plugin, on the machine's kernel. */
import { observe, exec } from "@netbind/netns";
import { expect, test } from "vitest";
import { macvtap } from "../../core/local/src/networks/macvtap.ts";
import { TestNetns } from "../support/netns/netns.ts";

const RESOURCE = "macvtap.network.kubevirt.io/";
const setting = (...entries: readonly object[]): { readonly DP_MACVTAP_CONF: string } => ({
  DP_MACVTAP_CONF: JSON.stringify(entries),
});
const request = (resourceName?: string) => ({
  network: "n",
  ifname: "pod1",
  replacesPodNetwork: false,
  field: "f",
  config: { cniVersion: "1.0.0", name: "n", plugins: [{ type: "macvtap" }] },
  ...(resourceName === undefined ? {} : { resourceName }),
});

test.each([
  [undefined, {}, "annotate its definition with k8s.v1.cni.cncf.io/resourceName"],
  ["openshift.io/x", {}, 'no resource "openshift.io/x" (it has macvtap.network.kubevirt.io/<link of the node>)'],
  [
    `${RESOURCE}eth0`,
    setting({ name: "dataplane", lowerDevice: "eth0" }),
    "it has macvtap.network.kubevirt.io/dataplane",
  ],
  [`${RESOURCE}a`, { DP_MACVTAP_CONF: "{" }, "is not valid JSON"],
  [`${RESOURCE}a`, { DP_MACVTAP_CONF: "{}" }, "is not a list"],
  [`${RESOURCE}a`, setting({ lowerDevice: "eth0" }), "DP_MACVTAP_CONF[0]: name is not a string"],
  [`${RESOURCE}a`, setting({ name: "a", lowerDevice: "a b" }), "lowerDevice does not name a link"],
  [`${RESOURCE}a`, setting({ name: "a", lowerDevice: "b", mode: "hairpin" }), 'mode "hairpin" is not one of bridge'],
  [`${RESOURCE}a`, setting({ name: "a", lowerDevice: "b", capacity: 0 }), "capacity 0 is not between 1 and 1000"],
])("a resource %j that the node does not have is told", (resource, settings, words) => {
  expect(macvtap.check(request(resource), settings)).toEqual([expect.stringContaining(words)]);
});

test("what the node has is accepted: by its entry, or, with none, by the link's own name", () => {
  expect(
    macvtap.check(
      request(`${RESOURCE}dataplane`),
      setting({ name: "dataplane", lowerDevice: "eth0", mode: "vepa", capacity: 1 }),
    ),
  ).toEqual([]);
  expect(macvtap.check(request(`${RESOURCE}eth0`), { DP_MACVTAP_CONF: "[]" })).toEqual([]);
  expect(macvtap.check(request(`${RESOURCE}eth0`), {})).toEqual([]);
});

test("devices are chosen until all are taken; links are made in the pod with MAC, MTU and a device file, and go", async () => {
  await using node = await TestNetns.make();
  await using pod = await TestNetns.make();
  await node.exec(["ip", "link", "add", "phys0", "mtu", "1450", "type", "bridge"]);
  await node.exec(["ip", "link", "set", "phys0", "up"]);
  const resource = `${RESOURCE}dataplane`;
  const settings = setting({ name: "dataplane", lowerDevice: "phys0", capacity: 2 });
  const allocate = (taken: readonly string[]) => macvtap.allocate({ exec, node: node.path, resource, settings, taken });
  const device = await allocate(["mvtap0"]);
  expect(device).toEqual({ resource, id: "mvtap1", facts: { lowerDevice: "phys0", mode: "bridge", place: node.path } });
  await expect(allocate(["mvtap0", "mvtap1"])).rejects.toThrow("all 2 devices");
  await expect(
    macvtap.allocate({ exec, node: node.path, resource: `${RESOURCE}none0`, settings: {}, taken: [] }),
  ).rejects.toThrow('"none0", which neither the node\'s network nor this machine has');

  const call = { exec, node: node.path, netns: pod.path, config: { type: "macvtap", mtu: 1300 }, device };
  const links = async () => new Map((await observe(pod.exec)).links.map((link) => [link.name, link]));
  await macvtap.add({ ...call, ifname: "pod1", args: { MAC: "02:00:00:00:00:0a" } });
  await macvtap.add({
    ...call,
    ifname: "pod2",
    args: {},
    config: { type: "macvtap", runtimeConfig: { mac: "02:00:00:00:00:0b" } },
  });
  expect((await links()).get("pod1")).toMatchObject({ kind: "macvtap", mac: "02:00:00:00:00:0a", mtu: 1300, up: true });
  expect((await links()).get("pod2")).toMatchObject({ kind: "macvtap", mac: "02:00:00:00:00:0b", mtu: 1450 });
  const files = [
    ...(await macvtap.deviceNodes({ ...call, ifname: "pod1", args: {} })),
    ...(await macvtap.deviceNodes({ ...call, ifname: "pod2", args: {} })),
  ];
  for (const file of files)
    expect(file).toMatchObject({ path: expect.stringMatching(/^\/dev\/tap\d+$/), major: expect.any(Number) });
  expect(new Set(files.map(({ path }) => path)).size).toBe(2);
  expect(new Set(files.map(({ major, minor }) => `${major}:${minor}`)).size).toBe(2);

  await macvtap.del({ ...call, ifname: "pod1", args: {} });
  await macvtap.del({ ...call, ifname: "pod1", args: {} });
  await macvtap.del({ ...call, netns: "", ifname: "pod2", args: {} });
  expect([...(await links()).keys()]).toEqual(["lo", "pod2"]);
  await expect(macvtap.add({ ...call, ifname: "pod2", args: {} })).rejects.toThrow("File exists");
});
