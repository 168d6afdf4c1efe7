/** A network inside QEMU: the arguments that are written of it. */
import type { DomainPlan } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import { nicDomain, patchDomain, scanXml } from "@netbind/domain";
import fc from "fast-check";
import { expect, test } from "vitest";
import { qemuArguments } from "../../vectors/xml.ts";

const NIC = anAttachment();
const NS = "xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'";
const NETWORK: DomainPlan = {
  kind: "userNetwork",
  network: "10.0.2.0/24",
  search: ["default.svc.cluster.local"],
  forward: [
    { protocol: "UDP", port: 53 },
    { protocol: "TCP", port: 80 },
  ],
};
const patch = (xml: string, attachment = NIC, domain = NETWORK): string =>
  patchDomain(xml, nicDomain(attachment), domain);

test("four arguments of QEMU, in a domain with or without others; written twice they are the same", () => {
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
  const args = (name: string): string =>
    ours.map((value) => `<${name} value="${value.replaceAll('"', "&#34;")}"></${name}>`).join("");
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
  const chosen = { ...NIC, model: "rtl8139", pciAddress: "0000:02:1f.3", bootOrder: 2, acpiIndex: 7 };
  const device = (machine: string, attachment = chosen): unknown =>
    JSON.parse(
      qemuArguments(patch(`<domain><os><type machine='${machine}'>hvm</type></os></domain>`, attachment)).at(-1) ?? "",
    );
  expect(device("q35")).toMatchObject({
    driver: "rtl8139",
    bus: "pci.2",
    addr: "0x1f.0x3",
    bootindex: 2,
    "acpi-index": 7,
  });
  expect(device("pc-i440fx-9.0", { ...chosen, pciAddress: "0000:00:05.0" })).toMatchObject({
    bus: "pci.0",
    addr: "0x5.0x0",
  });
  expect(
    device("q35", { ...chosen, model: "virtio", virtioTransitional: true, pciAddress: "0000:00:05.0" }),
  ).toMatchObject({
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
