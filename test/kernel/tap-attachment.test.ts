/**
 * KubeVirt itself writes the interface of a NIC on a tap, from the links that it finds in the pod. Here the links are real
 * ones that the core made; what KubeVirt makes of links is what the vectors of kind `domain` hold `nicOnTap` to. Both must
 * end at the interface, and at the MAC address, that the core planned for.
 */
import type { Binding } from "@netbind/contract";
import {
  attachmentOf,
  authorize,
  decidePod,
  diffNetwork,
  podLinkOf,
  STANDARD_GRANTS,
  desiredNetwork,
} from "@netbind/engine";
import { COMMON_MACHINE, nicDomain, printElement, tapInterface } from "@netbind/domain";
import { nicBeforePod, nicOnTap, type Vmi, type VmiInterface, type VmiNetwork } from "@netbind/kubevirt";
import { applyNetwork, findPlaceholderKind, observe } from "@netbind/netns";
import bridge from "@netbind/plugin-bridge";
import masquerade from "@netbind/plugin-masquerade";
import { expect, test } from "vitest";
import { TestNetns } from "../support/netns/netns.ts";
import { canonicalXml } from "../vectors/xml.ts";

const GUEST_MAC = "02:11:22:33:44:55";
const FACTS = {
  resolvConf: { nameservers4: ["10.96.0.10"], nameservers6: [], search: ["cluster.local"] },
  hostname: "vm",
};

const POD: VmiNetwork = { name: "red", pod: {} };
const SECONDARY: VmiNetwork = { name: "red", multus: { networkName: "lan" } };
/** Names of the pod's link and of the tap, by KubeVirt's hashed scheme. */
const NAMES = { pod: ["eth0", "tap0"], secondary: ["podb1f51a511f1", "tapb1f51a511f1"] } as const;

interface Case {
  readonly binding: Binding;
  readonly on: keyof typeof NAMES;
  readonly nic: Partial<VmiInterface>;
  readonly cores?: number;
}

const vmiOf = ({ binding, on, nic, cores = 1 }: Case): Vmi => ({
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachineInstance",
  metadata: { namespace: "default", name: "vm" },
  spec: {
    domain: {
      cpu: { cores },
      devices: {
        networkInterfaceMultiqueue: cores > 1,
        interfaces: [{ name: "red", binding: { name: binding.name }, ...nic }],
      },
    },
    networks: [on === "pod" ? POD : SECONDARY],
  },
});

test.each<Case>([
  { binding: masquerade, on: "pod", nic: {} },
  { binding: masquerade, on: "pod", nic: { macAddress: GUEST_MAC.toUpperCase(), bootOrder: 1 }, cores: 4 },
  { binding: bridge, on: "pod", nic: {} },
  { binding: bridge, on: "secondary", nic: { model: "e1000", state: "down" } },
  { binding: bridge, on: "secondary", nic: { macAddress: GUEST_MAC, pciAddress: "0000:81:00.1", acpiIndex: 3 } },
])("$binding.name on a $on network, $nic", async (given) => {
  const { binding, on } = given;
  const [podName, tapName] = NAMES[on];
  await using pod = await TestNetns.make();
  await using outside = await TestNetns.make();
  await TestNetns.cable(outside, pod, ["v0", podName], ["10.9.0.1/24", "10.9.0.2/24"], 1450);
  await pod.exec(["ip", "route", "add", "default", "via", "10.9.0.1"]);
  const link = podLinkOf(await observe(pod.exec), podName);
  if (link === undefined) throw new Error("the pod has no link");

  // A NIC that KubeVirt attaches by a tap has its pod link's MAC address, where its author names none.
  const served = new Map([[binding.name, { takesPodMac: true }]]);
  const vmi = vmiOf(given);
  const [decided] = decidePod({ vmi, statuses: [{ interface: podName }], served }).nics;
  if (decided === undefined) throw new Error("no NIC was decided about");
  const attachment = attachmentOf(decided, link, FACTS);
  const plan = authorize(binding.plan(attachment), { attachment, grants: STANDARD_GRANTS });
  const network = desiredNetwork(attachment.names, plan, link);
  const desired = { ...network, owner: { uid: 107, gid: 107 }, placeholderKind: await findPlaceholderKind(pod.exec) };
  const sysctls = (network.plan.sysctls ?? []).map(({ key }) => key);
  await applyNetwork(pod.exec, diffNetwork(desired, await observe(pod.exec, { sysctls, table: network.table })));

  const { links } = await observe(pod.exec);
  const [nic] = vmi.spec.domain.devices.interfaces ?? [];
  const [of] = vmi.spec.networks ?? [];
  if (nic === undefined || of === undefined) throw new Error("the VM has no NIC");
  const attached = nicOnTap(nicBeforePod(vmi, nic, COMMON_MACHINE), vmi, of, links);
  expect(attached).toMatchObject({ mac: nic.macAddress?.toLowerCase() ?? link.mac, mtu: 1450, tap: tapName });
  const print = (of: Parameters<typeof tapInterface>[0]): string =>
    canonicalXml(printElement(tapInterface(of), "", ""));
  expect(print(nicDomain(attachment))).toBe(attached === undefined ? "" : print(attached));
  const clients = (plan.services ?? []).flatMap((service) => ("client" in service ? [service.client.mac] : []));
  expect(clients.length).toBeGreaterThan(0);
  expect(new Set(clients)).toEqual(new Set([attached?.mac]));
});
