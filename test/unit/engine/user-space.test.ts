/** slirp's and passt's parts of the domain: what is written, and what a plan of that kind may not say. */
import type { DomainPlan, Plan, XmlElement } from "@netbind/contract";
import { authorize, grantsOf, STANDARD_GRANTS } from "@netbind/engine";
import { libvirtVersionOf, nicDomain, patchDomain, scanXml } from "@netbind/domain";
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
      authorize(plan, { attachment: NIC, grants: grantsOf(binding) });
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
    expect(refused(passt.plan(NIC), "slirp")).toContain('"device" are not granted');
    expect(grantsOf("toString")).toEqual(STANDARD_GRANTS);
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

  test("a device is passt's interface on the NIC's own pod link, and says nothing else", () => {
    const device = (element: XmlElement): Plan => ({ domain: { kind: "device", element, sharedMemory: true } });
    const backend = { name: "backend", attributes: { type: "passt", logFile: "/var/run/kubevirt/passt.log" } };
    const with_ = (...children: readonly XmlElement[]): Plan =>
      device({ name: "interface", attributes: { type: "vhostuser" }, children: [backend, ...children] });
    expect(refused(device({ name: "interface", attributes: { type: "user" }, children: [] }), "passt")).toContain(
      "has one <backend>, and this has 0",
    );
    expect(refused(device({ name: "interface", attributes: { type: "user" }, children: [backend, backend] }), "passt")).toContain(
      "this has 2",
    );
    expect(refused(device({ name: "hostdev", attributes: { type: "pci" } }), "passt")).toContain("no device that was allocated");
    expect(refused(device({ name: "interface", attributes: { type: "ethernet" } }), "passt")).toContain("no device that was allocated");
    expect(refused(device({ name: "interface", attributes: { type: "vhostuser", extra: "a" } }), "passt")).toContain(
      "no device that was allocated",
    );
    const ranges = (attributes: Record<string, string>): XmlElement => ({
      name: "portForward",
      attributes: { proto: "tcp" },
      children: [{ name: "range", attributes }],
    });
    for (const child of [
      { name: "source", attributes: { dev: "eth1" } },
      { name: "source", attributes: { dev: "eth0", path: "/x" } },
      { name: "source", attributes: { dev: "eth0" }, children: [{ name: "reconnect" }] },
      { name: "backend", attributes: { type: "passt", logFile: "/etc/passwd" } },
      { name: "script", attributes: { path: "/bin/sh" } },
      { name: "portForward", attributes: { proto: "tcp", address: "1.2.3.4" } },
      ranges({ start: "0" }),
      ranges({ start: "1", to: "2" }),
      ranges({ start: "9", end: "8" }),
      ranges({ start: "1", exclude: "no" }),
    ])
      expect(refused(with_(child), "passt"), JSON.stringify(child)).toContain("says more than passt may");
    expect(refused(with_(ranges({ start: "1", end: "65535", exclude: "yes" })), "passt")).toBe("");
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

test("an older libvirt joins passt and the guest by a socket, of one queue; one without passt is told", () => {
  const planned = (libvirtVersion?: string) => {
    const attachment = anAttachment({ queues: 4, ...(libvirtVersion === undefined ? {} : { libvirtVersion }) });
    const { domain } = passt.plan(attachment);
    if (domain.kind !== "device") throw new Error(domain.kind);
    const [devices] = scanXml(patchDomain("<domain><devices/></domain>", nicDomain(attachment), domain)).children;
    const nic = devices?.children.find(({ name }) => name === "interface");
    return [nic?.attributes.get("type"), domain.sharedMemory, nic?.children.some(({ name }) => name === "driver")];
  };
  for (const version of [undefined, "11.1.0", "11.10.0", "12.0.0"]) expect(planned(version), version).toEqual(["vhostuser", true, true]);
  for (const version of ["11.0.0", "10.10.0", "9.0.0"]) expect(planned(version), version).toEqual(["user", false, false]);
  expect(() => planned("8.10.0")).toThrow("libvirt 8.10.0 starts no passt");
});

test("libvirt's version is in its library's name", () => {
  expect(libvirtVersionOf(["libvirt.so.0", "libvirt.so.0.10010.3", "libvirt-qemu.so.0.9000.0"])).toBe("10.10.3");
  expect(libvirtVersionOf(["libvirt.so.0.9005.0"])).toBe("9.5.0");
  expect(libvirtVersionOf(["libvirt.so.0", "libvirt.so.0.1.2", "libvirt.so.0.9005.0.bak", "x"])).toBeUndefined();
});
