/** What a pod is attached to, as multus would attach it, and how a binding that is data alone plans. */
import { anAttachment } from "@netbind/contract/testing";
import type { NetworkAttachmentDefinition, Vmi, VmiInterface } from "@netbind/kubevirt";
import { podNetworks, readCniConfig } from "@netbind/kubevirt/pod";
import { registeredPlanner } from "@netbind/engine";
import { tapOf } from "@netbind/domain";
import { describe, expect, test } from "vitest";

const nad = (name: string, config: string, resourceName?: string, namespace = "ns"): NetworkAttachmentDefinition => ({
  metadata: {
    name,
    namespace,
    ...(resourceName === undefined ? {} : { annotations: { "k8s.v1.cni.cncf.io/resourceName": resourceName } }),
  },
  spec: { config },
});
const vmi = (interfaces: readonly VmiInterface[], networks: Vmi["spec"]["networks"] = []): Vmi => ({
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachineInstance",
  metadata: { name: "vm", namespace: "ns" },
  spec: { domain: { devices: { interfaces } }, networks },
});
const multus = (
  name: string,
  networkName: string,
  replacesPodNetwork = false,
): NonNullable<Vmi["spec"]["networks"]>[number] => ({
  name,
  multus: { networkName, default: replacesPodNetwork },
});
const BRIDGE = '{"type": "bridge"}';

describe("a pod's networks", () => {
  test("the primary one first, then each by its interface, with the plugin's own behind it; absent ones are left out", () => {
    const { networks, violations } = podNetworks(
      vmi(
        [
          { name: "red", binding: { name: "p" }, macAddress: "02-00-00-00-00-10" },
          { name: "default", masquerade: {}, macAddress: "02:00:00:00:00:01" },
          { name: "gone", bridge: {}, state: "absent" },
          { name: "blue", bridge: {} },
        ],
        [multus("blue", "other/b"), { name: "default", pod: {} }, multus("gone", "nowhere"), multus("red", "r")],
      ),
      { network: { binding: { p: { sidecarImage: "i", networkAttachmentDefinition: "other/own" } } } },
      [nad("r", BRIDGE, "dev/x"), nad("b", BRIDGE, undefined, "other"), nad("own", BRIDGE, undefined, "other")],
    );
    expect(violations).toEqual([]);
    expect(
      networks.map(({ network, ifname, mac, cniArgs, resourceName }) => ({
        network,
        ifname,
        mac,
        cniArgs,
        resourceName,
      })),
    ).toEqual([
      { network: "default", ifname: "eth0" },
      { network: "red", ifname: "podb1f51a511f1", mac: "02:00:00:00:00:10", resourceName: "dev/x" },
      { network: "red", ifname: "net2", cniArgs: { logicNetworkName: "red" } },
      { network: "blue", ifname: "pod16477688c0e" },
    ]);
    expect(networks[0]?.config).toBeUndefined();
  });

  test("a network that stands in for the pod's is eth0, gets no MAC by request, and is marked", () => {
    const { networks } = podNetworks(
      vmi([{ name: "a", bridge: {}, macAddress: "02:00:00:00:00:10" }], [multus("a", "a", true)]),
      {},
      [nad("a", BRIDGE)],
    );
    expect(networks).toMatchObject([
      { ifname: "eth0", replacesPodNetwork: true, config: { name: "a", plugins: [{ type: "bridge" }] } },
    ]);
    expect(networks[0]).not.toHaveProperty("mac");
  });

  test.each([
    ["", "no spec.config"],
    ["{", "is not valid JSON"],
    ["[]", "it is not an object"],
    ["{}", "neither plugins nor the type of one"],
    ['{"plugins": []}', "is not a list of at least one plugin"],
    ['{"plugins": [{"type": "a"}, {"type": "../b"}]}', "plugins[1] has no type"],
    ['{"type": "a", "cniVersion": 1}', "cniVersion is not a string"],
  ])("a definition that says %j is refused where it is named", (config, words) => {
    const { networks, violations } = podNetworks(vmi([{ name: "a", bridge: {} }], [multus("a", "a")]), {}, [
      nad("a", config),
    ]);
    expect(networks).toEqual([]);
    expect(violations).toMatchObject([
      { field: "spec.networks[0].multus.networkName", problem: expect.stringContaining(words) },
    ]);
  });

  test("a list keeps its own name and version; one plugin alone becomes a list", () => {
    expect(
      readCniConfig({ cniVersion: "1.0.0", name: "own", plugins: [{ type: "a" }, { type: "b" }] }, "other"),
    ).toEqual({
      config: { cniVersion: "1.0.0", name: "own", plugins: [{ type: "a" }, { type: "b" }] },
    });
    expect(readCniConfig({ type: "a", mtu: 1 }, "other")).toEqual({
      config: { cniVersion: "0.3.1", name: "other", plugins: [{ type: "a", mtu: 1 }] },
    });
  });
});

describe("a binding that is registered as data alone", () => {
  const planner = (domainAttachmentType: string) =>
    registeredPlanner({ name: "p", from: "domainAttachmentType", domainAttachmentType });
  const pod = { ...anAttachment().pod, tap: "eth0" };

  test("tap: the hypervisor opens what the CNI plugin made, and nothing is made for it", async () => {
    const attachment = anAttachment({ pod });
    const plan = await planner("tap")?.plan(attachment);
    expect(plan).toEqual({ domain: { kind: "tap" } });
    expect(plan && tapOf(attachment, plan)).toBe("eth0");
    await expect(planner("tap")?.plan(anAttachment())).rejects.toMatchObject({
      code: "PLAN_IMPOSSIBLE",
      message: expect.stringContaining('"eth0" is neither a tap nor a macvtap, and the pod has no tap "tap0"'),
    });
  });

  test("managedTap: links as for bridge, without a server and without an address on the bridge", async () => {
    const attachment = anAttachment({ pod });
    const plan = await planner("managedTap")?.plan(attachment);
    expect(plan?.network?.links.map(({ kind }) => kind)).toEqual(["bridge", "adopted", "tap", "placeholder"]);
    expect(plan?.network?.links[0]).toMatchObject({ addresses: [] });
    expect(plan?.services).toBeUndefined();
    expect(plan && tapOf(attachment, plan)).toBe("tap0");
  });

  test("one with an image is asked in its sidecar", () => {
    expect(
      registeredPlanner({ name: "p", image: "i", from: "registered", domainAttachmentType: "tap" }),
    ).toBeUndefined();
    expect(registeredPlanner(undefined)).toBeUndefined();
  });
});

test("a network's name and a plugin's type are names, as CNI takes them, and never a path", () => {
  for (const name of ["../x", "..", ".", "-x", "a/b", "a b", "x".repeat(300)])
    expect(readCniConfig({ name, type: "bridge" }, "own"), name).toEqual({
      problem: expect.stringContaining("is not a valid network name"),
    });
  for (const type of ["..", ".", "../sh", "-x"]) expect(readCniConfig({ type }, "own"), type).toHaveProperty("problem");
  expect(readCniConfig({ type: "bridge" }, "own")).toHaveProperty("config.name", "own");
});
