/** The kinds of domain parts that are a device: what is written of each, and that no text of a plan is more than a value. */
import type { Attachment, BindingError, DomainPlan, Plan } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import { childOf, nicDomain, patchDomain, scanXml } from "@netbind/domain";
import { authorize, findPlanProblems, type Grants, STANDARD_GRANTS } from "@netbind/engine";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { attributeOf } from "../../../core/domain/src/xml-node.ts";

const NIC = anAttachment({
  queues: 4,
  allocatedDevices: ["0000:65:00.2", "vhost-vdpa-0"],
  bootOrder: 1,
  pciAddress: "0000:81:01.0",
});
/** What an administrator names for a binding, with `--grants`. */
const GRANTED: Grants = { ...STANDARD_GRANTS, domainKinds: ["vhostuser", "vdpa", "hostdev", "passt"] };
const SOCKET = { kind: "vhostuser", socket: "red-0.sock", mode: "client", queues: 2 } as const;
const VDPA = { kind: "vdpa", device: "vhost-vdpa-0" } as const;

/** Without the white space that stands between elements. */
const write = (
  domain: DomainPlan,
  attachment: Attachment = NIC,
  xml = "<domain><name>a</name><devices/></domain>",
): string => patchDomain(xml, nicDomain(attachment), domain).replaceAll(/>\s+</g, "><");
const COMMON =
  "<boot order='1'/><alias name='ua-red'/><address type='pci' domain='0x0000' bus='0x81' slot='0x01' function='0x0'/></interface>";
const MODEL = "<mac address='02:11:22:33:44:55'/><model type='virtio-non-transitional'/>";

describe("what is written", () => {
  test("vhostuser: a socket in the directory for them, its mode and queues; memory is shared", () => {
    const backing = "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>";
    const source = "<source type='unix' path='/var/run/kubevirt/vhostuser/red-0.sock' mode='client'/>";
    const written = write(SOCKET);
    expect(written).toBe(
      `<domain><name>a</name>${backing}<devices><interface type='vhostuser'>${source}${MODEL}<driver name='vhost' queues='2'/>${COMMON}</devices></domain>`,
    );
    expect(write(SOCKET, NIC, written)).toBe(written);
    expect(write({ ...SOCKET, mode: "server", queues: 0 })).toContain(`mode='server'/>${MODEL}<boot`);
  });

  test("vdpa: the character device below /dev, and the NIC's queues; memory stays as it is", () => {
    const written = write(VDPA);
    expect(written).toBe(
      `<domain><name>a</name><devices><interface type='vdpa'><source dev='/dev/vhost-vdpa-0'/>${MODEL}<driver name='vhost' queues='4'/>${COMMON}</devices></domain>`,
    );
    expect(write(VDPA, NIC, written)).toBe(written);
  });

  test("hostdev: KubeVirt's alias, at the guest's own address, without what only a link has", () => {
    const nic = { ...NIC, name: "fast", bootOrder: 2, pciAddress: "0000:03:00.0", acpiIndex: 7 };
    const hostdev: DomainPlan = { kind: "hostdev", pciAddress: "0000:01:10.0" };
    const written = write(hostdev, nic, "<domain><devices/></domain>");
    expect(written).toBe(
      "<domain><devices><hostdev type='pci' managed='no'><source><address type='pci' domain='0x0000' bus='0x01' slot='0x10' function='0x0'/></source>" +
        "<boot order='2'/><alias name='ua-sriov-fast'/><address type='pci' domain='0x0000' bus='0x03' slot='0x00' function='0x0'/></hostdev></devices></domain>",
    );
    expect(write(hostdev, nic, written)).toBe(written);
  });

  test("another kind of the same NIC takes its interface's place", () => {
    const [socket, vdpa] = [write(SOCKET), write(VDPA)];
    expect(write(VDPA, NIC, socket)).toBe(
      vdpa.replace(
        "<devices>",
        "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking><devices>",
      ),
    );
  });
});

/** Names that would lead elsewhere, or out of an attribute. */
const HOSTILE = [
  "",
  ".",
  "..",
  ".hidden",
  "../libvirt/libvirt-sock",
  "a/b",
  "/run/a.sock",
  "a'/><script path='/bin/sh",
  'a"b',
  "a<b",
  "a&b",
  "a b",
  "a\nb",
  "a\0b",
  "ü",
  "-a",
  "a".repeat(61),
] as const;

describe("what is refused", () => {
  const problems = (domain: DomainPlan, attachment = NIC): readonly string[] =>
    findPlanProblems({ domain }, { attachment, grants: GRANTED });

  test.each(HOSTILE)("a socket or a device named %j, by the core and by a sidecar that was handed it", (name) => {
    const outOfBounds = expect.objectContaining({ code: "PLAN_OUT_OF_BOUNDS" }) as BindingError;
    for (const [domain, path] of [
      [{ ...SOCKET, socket: name }, "domain.socket"],
      [{ ...VDPA, device: name }, "domain.device"],
    ] as const) {
      // Not even where it is said to be allocated.
      expect(problems(domain, { ...NIC, allocatedDevices: [name] })).toEqual([
        expect.stringContaining(`${path}: ${JSON.stringify(name)}`),
      ]);
      expect(() => write(domain)).toThrow(outOfBounds);
    }
  });

  test("a vDPA device that was not allocated, or is another kind's", () => {
    for (const device of ["vhost-vdpa-1", "0000:65:00.2", "vhost-vdpa-00000000000", "/dev/vhost-vdpa-0"])
      expect(problems({ ...VDPA, device })).toEqual([
        `domain.device: ${JSON.stringify(device)} is not one of the devices that the pod was allocated for this NIC (vhost-vdpa-0)`,
      ]);
    expect(problems({ kind: "hostdev", pciAddress: "vhost-vdpa-0" })).toEqual([
      expect.stringContaining("(0000:65:00.2)"),
    ]);
    expect(problems(VDPA)).toEqual([]);
  });

  test("all at once: the name, the queues, and a model that is not virtio", () => {
    const e1000 = { ...NIC, model: "e1000", queues: 0 };
    expect(problems({ ...SOCKET, socket: "..", queues: 2 }, e1000)).toEqual([
      'domain.kind: vhostuser serves virtio only, and the NIC\'s model is "e1000"',
      'domain.socket: ".." is not a valid name of a socket',
      "domain.queues: 2 queues are not between 0 and the NIC's 0",
    ]);
    expect(problems({ ...VDPA, device: "x" }, e1000)).toHaveLength(2);
    expect(problems({ ...SOCKET, queues: 4 })).toEqual([]);
    expect(problems({ ...SOCKET, queues: 1 }, { ...NIC, queues: 0 })).toEqual([]);
  });

  test("without the administrator's grant", () => {
    for (const domain of [SOCKET, VDPA])
      expect(() => authorize({ domain }, { attachment: NIC, grants: STANDARD_GRANTS })).toThrow(
        expect.objectContaining({
          code: "PLAN_OUT_OF_BOUNDS",
          message: expect.stringContaining(`"${domain.kind}" are not granted`) as string,
        }),
      );
  });
});

test("whatever passes is one interface, whose values are what was planned", () => {
  const name = fc.oneof(
    fc.string(),
    fc.string({ unit: "grapheme" }),
    fc.stringMatching(/^[A-Za-z0-9._/-]{1,64}$/),
    fc.constantFrom(...HOSTILE),
  );
  const domains: fc.Arbitrary<DomainPlan> = fc.oneof(
    name.map((socket) => ({ ...SOCKET, socket })),
    name.map((device) => ({ ...VDPA, device })),
    fc.nat({ max: 10 }).map((at) => ({ ...VDPA, device: `vhost-vdpa-${at}` })),
  );
  let passed = 0;
  fc.assert(
    fc.property(domains, (domain) => {
      const allocated = domain.kind === "vdpa" ? [domain.device] : [];
      let plan: Plan;
      try {
        plan = authorize({ domain }, { attachment: { ...NIC, allocatedDevices: allocated }, grants: GRANTED });
      } catch (error) {
        expect(error).toMatchObject({ code: "PLAN_OUT_OF_BOUNDS" });
        return;
      }
      passed += 1;
      const devices = childOf(scanXml(write(plan.domain)), "devices");
      expect(devices?.children).toHaveLength(1);
      const source = childOf(devices?.children[0], "source");
      const value = attributeOf(source, "path") ?? attributeOf(source, "dev");
      expect(value?.split("/").at(-1)).toBe(
        plan.domain.kind === "vdpa" ? plan.domain.device : SOCKET.kind === plan.domain.kind && plan.domain.socket,
      );
      expect(value).toMatch(/^(\/var\/run\/kubevirt\/vhostuser|\/dev)\/[A-Za-z0-9._-]+$/);
      // As long as a socket's path may be.
      expect(value?.length).toBeLessThan(108);
    }),
    { numRuns: 1000 },
  );
  expect(passed).toBeGreaterThan(100);
});
