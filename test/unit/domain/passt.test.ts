/** passt's interface: what is written of it for each libvirt. */
import type { DomainPlan } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import { childOf, nicDomain, patchDomain, scanXml } from "@netbind/domain";
import { expect, test } from "vitest";

const EVERY_PORT: DomainPlan = {
  kind: "passt",
  forward: [
    { protocol: "tcp", ports: [], except: [] },
    { protocol: "udp", ports: [], except: [] },
  ],
};

test("the pod's link, passt's log, and ports as they are planned", () => {
  const written = (domain: DomainPlan): string => {
    const xml = patchDomain("<domain><devices/></domain>", nicDomain(anAttachment()), domain);
    return /<devices>(.*)<mac /s.exec(xml.replaceAll(/>\s+</g, "><"))?.[1] ?? "";
  };
  const start =
    "<interface type='vhostuser'><source dev='eth0'/><backend type='passt' logFile='/var/run/kubevirt/passt.log'/>";
  expect(written(EVERY_PORT)).toBe(`${start}<portForward proto='tcp'/><portForward proto='udp'/>`);
  const listed: DomainPlan = {
    kind: "passt",
    forward: [{ protocol: "tcp", ports: [{ from: 80 }, { from: 8000, to: 8010 }], except: [] }],
  };
  expect(written(listed)).toBe(
    `${start}<portForward proto='tcp'><range start='80'/><range start='8000' end='8010'/></portForward>`,
  );
  const kept = [15000, 15001, 15004, 15006, 15008, 15009, 15020, 15021, 15053, 15090];
  const mesh: DomainPlan = {
    kind: "passt",
    forward: [
      { protocol: "tcp", ports: [], except: kept.map((from) => ({ from })) },
      { protocol: "udp", ports: [{ from: 53 }], except: [] },
    ],
  };
  const excluded = kept.map((port) => `<range start='${port}' exclude='yes'/>`).join("");
  expect(written(mesh)).toBe(
    `${start}<portForward proto='tcp'>${excluded}</portForward><portForward proto='udp'><range start='53'/></portForward>`,
  );
});

test("an older libvirt joins passt and the guest by a socket, of one queue; one without passt is refused", () => {
  const written = (libvirtVersion?: string) => {
    const attachment = anAttachment({ queues: 4, ...(libvirtVersion === undefined ? {} : { libvirtVersion }) });
    const domain = scanXml(patchDomain("<domain><devices/></domain>", nicDomain(attachment), EVERY_PORT));
    const nic = childOf(childOf(domain, "devices"), "interface");
    return [
      nic?.attributes.get("type"),
      childOf(domain, "memoryBacking") !== undefined,
      childOf(nic, "driver") !== undefined,
    ];
  };
  for (const version of [undefined, "11.1.0", "11.10.0", "12.0.0"])
    expect(written(version), version).toEqual(["vhostuser", true, true]);
  for (const version of ["11.0.0", "10.10.0", "9.0.0"])
    expect(written(version), version).toEqual(["user", false, false]);
  const impossible = expect.objectContaining({
    code: "PLAN_IMPOSSIBLE",
    message: "libvirt 8.10.0 cannot start passt",
  }) as Error;
  expect(() => written("8.10.0")).toThrow(impossible);
});
