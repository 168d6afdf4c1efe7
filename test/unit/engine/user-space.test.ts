/** slirp's and passt's parts of the domain: what is written, and what a plan of that kind may not say. */
import { releasedGrants } from "@netbind/bindings";
import type { DomainPlan, PasstForward, PasstPorts, Plan } from "@netbind/contract";
import { childOf, libvirtVersionOf, nicDomain, patchDomain, scanXml } from "@netbind/domain";
import { authorize, grantsOf, STANDARD_GRANTS } from "@netbind/engine";
import passt from "@netbind/plugin-passt";
import slirp from "@netbind/plugin-slirp";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anAttachment } from "../../support/netns/attachment.ts";
import { qemuArguments } from "../../vectors/xml.ts";

const NIC = anAttachment({
  ports: [
    { protocol: "UDP", port: 53 },
    { protocol: "UDP", port: 53 },
    { protocol: "TCP", port: 80 },
  ],
});
const NS = "xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'";

describe("slirp", () => {
  const patch = (xml: string, attachment = NIC, domain: DomainPlan = slirp.plan(attachment).domain): string =>
    patchDomain(xml, nicDomain(attachment), domain);

  test("four arguments of QEMU, each port once, in a domain with or without others; written twice they are the same", () => {
    const bare = patch("<domain><os><type machine='pc-q35-9.0'>hvm</type></os><devices/></domain>");
    expect(bare).toContain(`<domain ${NS}>`);
    expect(qemuArguments(bare)).toEqual([
      "-netdev",
      "user,id=red,net=10.0.2.0/24,dnssearch=default.svc.cluster.local,hostfwd=udp::53-:53,hostfwd=tcp::80-:80",
      "-device",
      '{"driver":"virtio-net-pci-non-transitional","netdev":"red","id":"red","mac":"02:11:22:33:44:55"}',
    ]);
    expect(patch(bare)).toBe(bare);
    const own = `<domain ${NS}>\n  <devices></devices>\n  <qemu:commandline>\n    <qemu:arg value='-netdev'/>\n    <qemu:arg value='user,id=redder'/>\n  </qemu:commandline>\n</domain>`;
    const added = patch(own);
    expect(qemuArguments(added).slice(0, 2)).toEqual(["-netdev", "user,id=redder"]);
    expect(qemuArguments(added)).toHaveLength(6);
    expect(patch(added)).toBe(added);
    const changed = patch(added, { ...NIC, mac: "02:00:00:00:00:09" });
    expect(qemuArguments(changed)).toHaveLength(6);
    expect(changed).toContain("02:00:00:00:00:09");
    expect(changed).not.toContain("02:11:22:33:44:55");
  });

  test("arguments that another printer wrote, with a prefix of its own or none and with other references, are the same ones", () => {
    const URI = "http://libvirt.org/schemas/domain/qemu/1.0";
    const ours = qemuArguments(patch("<domain/>"));
    const args = (name: string): string => ours.map((value) => `<${name} value="${value.replaceAll('"', "&#34;")}"></${name}>`).join("");
    for (const domain of [
      `<domain><commandline xmlns="${URI}">${args("arg")}</commandline></domain>`,
      `<domain xmlns:q="${URI}"><q:commandline>${args("q:arg")}</q:commandline></domain>`,
    ]) {
      expect(patch(domain).match(/-netdev/g)).toHaveLength(1);
      const changed = patch(domain, { ...NIC, mac: "02:00:00:00:00:09" });
      expect(changed.match(/-netdev/g)).toHaveLength(1);
      expect(changed).toContain("02:00:00:00:00:09");
      expect(patch(changed, { ...NIC, mac: "02:00:00:00:00:09" })).toBe(changed);
    }
    const foreign = `<domain><commandline xmlns="urn:other"><arg value="-netdev"/></commandline></domain>`;
    expect(qemuArguments(patch(foreign))).toEqual(ours);
  });

  test("model, place, boot order and ACPI index are the author's", () => {
    const told = { ...NIC, model: "rtl8139", pciAddress: "0000:02:1f.3", bootOrder: 2, acpiIndex: 7 };
    const device = (machine: string, attachment = told): unknown =>
      JSON.parse(qemuArguments(patch(`<domain><os><type machine='${machine}'>hvm</type></os></domain>`, attachment)).at(-1) ?? "");
    expect(device("q35")).toMatchObject({ driver: "rtl8139", bus: "pci.2", addr: "0x1f.0x3", bootindex: 2, "acpi-index": 7 });
    expect(device("pc-i440fx-9.0", { ...told, pciAddress: "0000:00:05.0" })).toMatchObject({ bus: "pci.0", addr: "0x5.0x0" });
    expect(device("q35", { ...told, model: "virtio", virtioTransitional: true, pciAddress: "0000:00:05.0" })).toMatchObject({
      driver: "virtio-net-pci-transitional",
      bus: "pcie.0",
    });
  });

  test("whatever a plan says, it is one argument each, and the domain stays well-formed", () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.string({ unit: "grapheme" }), { maxLength: 3 }), (network, search) => {
        let xml: string;
        try {
          xml = patch("<domain><devices/></domain>", NIC, { kind: "userNetwork", network, search, forward: [] });
        } catch (error) {
          expect(error).toMatchObject({ code: "PLAN_OUT_OF_BOUNDS" });
          return;
        }
        scanXml(xml);
        const [, options = ""] = qemuArguments(xml);
        // A comma of a value is written twice: undone, there are as many options as there should be.
        expect(options.replaceAll(",,", "\0").split(",")).toHaveLength(3 + search.length);
      }),
    );
  });
});

describe("what may be planned", () => {
  const refused = (plan: Plan, binding: string): string => {
    try {
      authorize(plan, { attachment: NIC, grants: grantsOf(binding, releasedGrants()) });
    } catch (error) {
      return (error as Error).message;
    }
    return "";
  };

  test("slirp and passt plan within their grants, and no other binding has these", () => {
    expect(refused(slirp.plan(NIC), "slirp")).toBe("");
    expect(refused(passt.plan(NIC), "passt")).toBe("");
    expect(refused(passt.plan({ ...NIC, libvirtVersion: "9.5.0" }), "passt")).toBe("");
    expect(refused(passt.plan({ ...NIC, mesh: true, ports: [{ protocol: "TCP", port: 1, lastPort: 9 }] }), "passt")).toBe("");
    expect(refused(slirp.plan(NIC), "mine")).toContain('"userNetwork" are not granted');
    expect(refused(passt.plan(NIC), "slirp")).toContain('"passt" are not granted');
    expect(grantsOf("toString", releasedGrants())).toEqual(STANDARD_GRANTS);
  });

  test("a user network is an IPv4 network with names and single ports", () => {
    const wrong = {
      kind: "userNetwork",
      network: "fd00::/64",
      search: ["a,b", "ok.example"],
      forward: [
        { protocol: "TCP", port: 0 },
        { protocol: "TCP", port: 1, lastPort: 5 },
      ],
    } as const;
    const said = refused({ domain: wrong }, "slirp");
    for (const path of ["domain.network", "domain.search[0]", "domain.forward[0].port", "domain.forward[1].port"])
      expect(said).toContain(path);
    expect(said).not.toContain("search[1]");
  });

  test("passt forwards ports that there are, each protocol once; all that is wrong is told with its place", () => {
    const plan = (...forward: readonly PasstForward[]): Plan => ({ domain: { kind: "passt", forward } });
    const tcp = (ports: readonly PasstPorts[], except: readonly PasstPorts[] = []): PasstForward => ({ protocol: "tcp", ports, except });
    const said = refused(
      plan(
        tcp([{ from: 0 }, { from: 1, to: 65_535 }, { from: 9, to: 8 }], [{ from: 65_536 }, { from: 65_535 }]),
        tcp([{ from: 80, to: 65_536 }]),
      ),
      "passt",
    );
    for (const wrong of [
      "domain.forward[0].ports[0]: 0 is not",
      "domain.forward[0].ports[2]: 9-8 is not",
      "domain.forward[0].except[0]: 65536 is not",
      'domain.forward[1].protocol: "tcp" is listed twice',
      "domain.forward[1].ports[0]: 80-65536 is not",
    ])
      expect(said).toContain(wrong);
    expect(said.match(/domain\./g)).toHaveLength(5);
    expect(refused(plan(tcp([], [{ from: 1, to: 65_535 }]), { ...tcp([]), protocol: "udp" }), "passt")).toBe("");
    expect(refused(plan(), "passt")).toBe("");
  });
});

test("what slirp and passt cannot do is told of a NIC before any pod exists", () => {
  const fields = (binding: typeof slirp, change: Parameters<typeof anAttachment>[0]): readonly string[] =>
    binding.admit(anAttachment(change)).map(({ field }) => field);
  const multus = { kind: "multus", networkName: "a", default: false } as const;
  expect(fields(slirp, {})).toEqual([]);
  expect(fields(slirp, { network: multus, ports: [{ protocol: "TCP", port: 1, lastPort: 2 }] })).toEqual(["portRanges", "name"]);
  expect(fields(slirp, { network: { kind: "pod", vmNetworkCidr: "10.0.0.0/28" } })).toEqual(["network.pod.vmNetworkCIDR"]);
  expect(fields(passt, { network: multus, model: "e1000" })).toEqual(["name", "model"]);
  expect(() => passt.plan(anAttachment({ pod: { ...NIC.pod, addresses: [] } }))).toThrow("no address that the guest could have");
});

test("passt's interface: the pod's link, passt's log, and ports as they are planned", () => {
  const written = (change: Parameters<typeof anAttachment>[0]): string => {
    const attachment = anAttachment(change);
    const xml = patchDomain("<domain><devices/></domain>", nicDomain(attachment), passt.plan(attachment).domain);
    return /<devices>(.*)<mac /s.exec(xml.replaceAll(/>\s+</g, "><"))?.[1] ?? "";
  };
  const start = "<interface type='vhostuser'><source dev='eth0'/><backend type='passt' logFile='/var/run/kubevirt/passt.log'/>";
  expect(written({})).toBe(`${start}<portForward proto='tcp'/><portForward proto='udp'/>`);
  const ports = [
    { protocol: "TCP", port: 80 },
    { protocol: "TCP", port: 8000, lastPort: 8010 },
  ] as const;
  expect(written({ ports })).toBe(`${start}<portForward proto='tcp'><range start='80'/><range start='8000' end='8010'/></portForward>`);
  const kept = [15000, 15001, 15004, 15006, 15008, 15009, 15020, 15021, 15053, 15090].map(
    (port) => `<range start='${port}' exclude='yes'/>`,
  );
  const udp = "<portForward proto='udp'><range start='53'/></portForward>";
  expect(written({ mesh: true, ports: [{ protocol: "UDP", port: 53 }] })).toBe(
    `${start}<portForward proto='tcp'>${kept.join("")}</portForward>${udp}`,
  );
});

test("an older libvirt joins passt and the guest by a socket, of one queue; one without passt is told before anything starts", () => {
  const of = (libvirtVersion?: string) => anAttachment({ queues: 4, ...(libvirtVersion === undefined ? {} : { libvirtVersion }) });
  const planned = (libvirtVersion?: string) => {
    const attachment = of(libvirtVersion);
    const domain = scanXml(patchDomain("<domain><devices/></domain>", nicDomain(attachment), passt.plan(attachment).domain));
    const nic = childOf(childOf(domain, "devices"), "interface");
    return [nic?.attributes.get("type"), childOf(domain, "memoryBacking") !== undefined, childOf(nic, "driver") !== undefined];
  };
  for (const version of [undefined, "11.1.0", "11.10.0", "12.0.0"]) expect(planned(version), version).toEqual(["vhostuser", true, true]);
  for (const version of ["11.0.0", "10.10.0", "9.0.0"]) expect(planned(version), version).toEqual(["user", false, false]);
  const attachment = of("8.10.0");
  const impossible = expect.objectContaining({ code: "PLAN_IMPOSSIBLE", message: "libvirt 8.10.0 starts no passt" }) as Error;
  expect(() => planned("8.10.0")).toThrow(impossible);
  expect(() => authorize(passt.plan(attachment), { attachment, grants: grantsOf("passt", releasedGrants()) })).toThrow(impossible);
});

test("libvirt's version is in its library's name", () => {
  expect(libvirtVersionOf(["libvirt.so.0", "libvirt.so.0.10010.3", "libvirt-qemu.so.0.9000.0"])).toBe("10.10.3");
  expect(libvirtVersionOf(["libvirt.so.0.9005.0"])).toBe("9.5.0");
  expect(libvirtVersionOf(["libvirt.so.0", "libvirt.so.0.1.2", "libvirt.so.0.9005.0.bak", "x"])).toBeUndefined();
});
