import type { Violation } from "@netbind/contract";
import type { Vmi } from "@netbind/kubevirt";
import { admitVmi, checkVmiSpec } from "@netbind/kubevirt/admission";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { aVmi } from "../../support/cases/a-vmi.ts";

const fields = (found: readonly Violation[]): readonly string[] => found.map(({ field }) => field);

describe("admission", () => {
  const rules: Record<string, readonly [Vmi, readonly string[]]> = {
    "a good VM": [aVmi(), []],
    "no binding": [aVmi({ nics: [{ masquerade: undefined as never }] }), ["spec.domain.devices.interfaces[0]"]],
    "two bindings": [aVmi({ nics: [{ masquerade: {}, bridge: {} }] }), ["spec.domain.devices.interfaces[0]"]],
    "masquerade on a multus network": [
      aVmi({ nics: [{}], networks: [{ name: "n0", multus: { networkName: "x" } }] }),
      ["spec.domain.devices.interfaces[0].name"],
    ],
    "a network without an interface": [
      aVmi({
        networks: [
          { name: "n0", pod: {} },
          { name: "x", multus: { networkName: "x" } },
        ],
      }),
      ["spec.networks[1].name"],
    ],
    "an interface without a network": [aVmi({ networks: [] }), ["spec.domain.devices.interfaces[0].name"]],
    "two pod networks": [
      aVmi({
        nics: [{}, {}],
        networks: [
          { name: "n0", pod: {} },
          { name: "n1", pod: {} },
        ],
      }),
      ["spec.networks[1].pod"],
    ],
    "a pod network and a default one": [
      aVmi({
        nics: [{}, { bridge: {} }],
        networks: [
          { name: "n0", pod: {} },
          { name: "n1", multus: { networkName: "x", default: true } },
        ],
      }),
      ["spec.networks"],
    ],
    "a network without a source": [aVmi({ nics: [{ bridge: {} }], networks: [{ name: "n0" }] }), ["spec.networks[0]"]],
    "the bridge's own MAC, however it is written": [
      aVmi({ nics: [{ macAddress: "0200.0000.0000" }] }),
      ["spec.domain.devices.interfaces[0].macAddress"],
    ],
    "one MAC twice": [
      aVmi({ nics: [{ macAddress: "02:00:00:00:00:01" }, { bridge: {}, macAddress: "02-00-00-00-00-01" }] }),
      ["spec.domain.devices.interfaces[1].macAddress"],
    ],
    "a PCI address": [
      aVmi({ nics: [{ pciAddress: "0000:81:01.10" }] }),
      ["spec.domain.devices.interfaces[0].pciAddress"],
    ],
    "boot order 0 and a place taken": [
      aVmi({
        nics: [{ bootOrder: 0 }, { bridge: {}, bootOrder: 2 }],
        spec: {
          domain: {
            devices: {
              disks: [{ name: "d", bootOrder: 2 }],
              interfaces:
                aVmi({ nics: [{ bootOrder: 0 }, { bridge: {}, bootOrder: 2 }] }).spec.domain.devices.interfaces ?? [],
            },
          },
        },
      }),
      ["spec.domain.devices.interfaces[0].bootOrder", "spec.domain.devices.interfaces[1].bootOrder"],
    ],
    "DHCP texts that mean something elsewhere": [
      aVmi({
        nics: [
          {
            dhcpOptions: {
              bootFileName: "a\nb",
              tftpServerName: "x".repeat(256),
              ntpServers: ["ntp"],
              privateOptions: [{ option: 1, value: "" }],
            },
          },
        ],
      }),
      ["privateOptions[0].option", "ntpServers[0]", "bootFileName", "tftpServerName", "privateOptions[0].value"].map(
        (field) => `spec.domain.devices.interfaces[0].dhcpOptions.${field}`,
      ),
    ],
    "port names and numbers": [
      aVmi({
        nics: [
          {
            ports: [
              { name: "a", port: 1 },
              { name: "a", port: 0 },
              { name: "a,b", port: 1, protocol: "tcp" },
            ],
          },
        ],
      }),
      ["ports[1].name", "ports[2].name", "ports[1].port", "ports[2].protocol"].map(
        (field) => `spec.domain.devices.interfaces[0].${field}`,
      ),
    ],
    state: [
      aVmi({ nics: [{ state: "absent" }] }),
      ["spec.domain.devices.interfaces[0].state", "spec.domain.devices.interfaces[0].state"],
    ],
    "host name and search domains": [
      aVmi({ spec: { hostname: "a\nb", dnsConfig: { searches: ["x,y"], nameservers: ["dns"] } } }),
      ["spec.dnsConfig.searches[0]", "spec.dnsConfig.nameservers[0]", "spec.hostname"],
    ],
  };
  for (const [what, [subject, expected]] of Object.entries(rules))
    test(what, () => expect(fields(admitVmi(subject, { configuration: {} }))).toEqual(expected));

  test("a cluster may forbid bridge on the pod network", () => {
    const bridge = aVmi({ nics: [{ bridge: {} }] });
    expect(fields(admitVmi(bridge, { configuration: {} }))).toEqual([]);
    expect(
      fields(admitVmi(bridge, { configuration: { network: { permitBridgeInterfaceOnPodNetwork: false } } })),
    ).toEqual(["spec.domain.devices.interfaces[0].name"]);
  });
});

test("whatever JSON a spec is, its shape is checked and never throws", () => {
  fc.assert(fc.property(fc.json(), (text) => void expect(Array.isArray(checkVmiSpec(JSON.parse(text)))).toBe(true)));
});
