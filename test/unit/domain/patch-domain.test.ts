import type { BindingError, DomainPlan } from "@netbind/contract";
import fc from "fast-check";
import { SaxesParser } from "saxes";
import { describe, expect, test } from "vitest";
import { type NicDomain, patchDomain, writeTapInterface } from "../../../core/domain/src/patch.ts";

const nic: NicDomain = {
  name: "red",
  mac: "02:11:22:33:44:55",
  model: "virtio",
  transitional: false,
  machine: { arch: "amd64", launchSecurity: false },
  queues: 0,
  mtu: 1450,
  tap: "tap0",
  linkDown: false,
  backend: "vhost",
};
/** Joined to passt by a socket, where libvirt knows no better, and by shared memory. */
const older: NicDomain = { ...nic, podLink: "a'<&\"\n", libvirtVersion: "10.10.0" };
const passt: DomainPlan = { kind: "passt", forward: [] };

const DOMAIN = `<?xml version="1.0" encoding='utf-8'?>\r
<!-- a comment with <interface> in it -->
<domain   type='kvm' xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0">
  <name>a&#13;b &amp; c</name>
  <memory unit='b'>1</memory>
  <metadata><x:y xmlns:x='urn:x' b="2" a='1'><![CDATA[</devices> & <interface>]]></x:y></metadata>
  <devices>
    <interface type='ethernet'><alias name='ua-blue'/></interface>
    <?pi <interface/> ?>
  </devices>
  <qemu:commandline><qemu:arg value='-netdev'/></qemu:commandline>
</domain>
`;

/** An independent reader: true where it finds the text well-formed. */
function isWellFormed(xml: string, xmlns = true): boolean {
  let good = true;
  const parser = new SaxesParser({ xmlns });
  parser.on("error", () => {
    good = false;
  });
  try {
    parser.write(xml).close();
  } catch {
    good = false;
  }
  return good;
}

/** What stands before and behind the place where two texts differ. */
function untouched(before: string, after: string): boolean {
  let head = 0;
  while (head < before.length && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < before.length - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  return head + tail === before.length;
}

describe("a NIC's element is written, and nothing else", () => {
  test("kind tap changes nothing", () => expect(patchDomain(DOMAIN, nic, { kind: "tap" })).toBe(DOMAIN));

  test("an interface is put behind the others, every other byte stays", () => {
    const patched = patchDomain(DOMAIN, older, passt);
    expect(untouched(DOMAIN, patched)).toBe(true);
    expect(patched).toContain("<source dev='a&apos;&lt;&amp;&quot;&#10;'/>");
    expect(isWellFormed(patched)).toBe(true);
    expect(patchDomain(patched, older, passt)).toBe(patched);
  });

  test("the NIC's own element is replaced in place", () => {
    const first = writeTapInterface(DOMAIN, nic);
    const second = writeTapInterface(first, {
      ...nic,
      mtu: 9000,
      bootOrder: 1,
      pciAddress: "0000:81:01.0",
      linkDown: true,
      queues: 4,
    });
    expect(second).toContain("<mtu size='9000'/>");
    expect(second.match(/name='ua-red'/g)).toHaveLength(1);
    expect(second).toContain("<address type='pci' domain='0x0000' bus='0x81' slot='0x01' function='0x0'/>");
    expect(second).not.toContain("<rom");
    expect(writeTapInterface(second, nic)).toBe(first);
  });

  test("shared memory is added once, kept where it is, refused where it is private", () => {
    const patched = patchDomain(DOMAIN, nic, passt);
    expect(patched).toMatch(/<memoryBacking>\s*<source type='memfd'\/>\s*<access mode='shared'\/>\s*<\/memoryBacking>/);
    expect(patchDomain(patched, nic, passt)).toBe(patched);
    const backed = (inner: string): string =>
      DOMAIN.replace("<metadata>", `<memoryBacking>${inner}</memoryBacking><metadata>`);
    expect(patchDomain(backed("<hugepages/>"), nic, passt)).toMatch(/<hugepages\/>.*<source.*<access mode='shared'\/>/);
    expect(() => patchDomain(backed("<access mode='private'/>"), nic, passt)).toThrow(/private/);
  });

  test("empty devices are opened, missing ones are made; what is not a domain is refused", () => {
    expect(writeTapInterface("<domain><devices/></domain>", nic)).toMatch(
      /^<domain><devices><interface .*<\/interface><\/devices><\/domain>$/,
    );
    expect(writeTapInterface("<domain/>", nic)).toMatch(
      /^<domain><devices>\s*<interface .*<\/interface>\s*<\/devices><\/domain>$/s,
    );
    expect(() => writeTapInterface("<x><devices/></x>", nic)).toThrow(
      expect.objectContaining({ code: "DOMAIN_INVALID" }) as BindingError,
    );
  });
});

const name = fc.constantFrom("a", "b", "x:y", "devices", "alias", "interface", "metadata");
const text = fc.constantFrom(
  "",
  " ",
  "\r\n",
  "text",
  "&amp;",
  "&#13;",
  "<!-- <devices> -->",
  "<![CDATA[ </a> ]]>",
  "<?pi x?>",
  "ü",
);
const attributes = fc.constantFrom("", " k='v'", ' k="&lt;" j=\'"\'', "\n  k = 'v' ");
const element: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 5 },
    fc.tuple(name, attributes).map(([tag, attrs]) => `<${tag}${attrs}/>`),
    fc
      .tuple(name, attributes, fc.array(fc.oneof(text, tie("node")), { maxLength: 4 }))
      .map(([tag, attrs, inner]) => `<${tag}${attrs}>${inner.join("")}</${tag} >`),
  ),
})).node;
const domain = fc
  .tuple(
    text.filter((one) => !/text|&|CDATA|ü/.test(one)),
    fc.array(fc.oneof(element, text), { maxLength: 4 }),
    fc.array(fc.oneof(element, text), { maxLength: 4 }),
  )
  .map(
    ([misc, before, inside]) =>
      `${misc}<domain xmlns:x='urn:x'>${before.join("").replaceAll("devices", "other")}<devices>${inside.join("").replaceAll("interface", "serial")}</devices></domain>`,
  );

test("any well-formed domain is patched, nothing outside is touched, twice is once", () => {
  fc.assert(
    fc.property(domain, (xml) => {
      expect(isWellFormed(xml)).toBe(true);
      const patched = writeTapInterface(xml, nic);
      expect(untouched(xml, patched)).toBe(true);
      expect(isWellFormed(patched)).toBe(true);
      expect(writeTapInterface(patched, nic)).toBe(patched);
    }),
    { numRuns: 300 },
  );
});

test("what another reader finds malformed is refused, and never with another error", () => {
  const damage = fc
    .tuple(
      domain,
      fc.nat(),
      fc.constantFrom("<", ">", "&", '"', "'", "/", "</a>", "<a>", "]]>", "\u0000", "<!DOCTYPE x>", "--", "="),
    )
    .map(([xml, at, bad]) => {
      const place = at % (xml.length + 1);
      return xml.slice(0, place) + bad + xml.slice(place + (at % 2));
    });
  fc.assert(
    fc.property(damage, (xml) => {
      let refused: unknown;
      try {
        patchDomain(xml, nic, { kind: "tap" });
      } catch (error) {
        refused = error;
      }
      if (refused !== undefined) expect(refused).toMatchObject({ code: "DOMAIN_INVALID" });
      // Prefixes are not resolved: libvirt does.
      else expect(isWellFormed(xml, false)).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

test("elements are as deep as libvirt reads them, and what is deeper is refused at once, however long it is", () => {
  const nested = (depth: number): string => `<domain>${"<a>".repeat(depth)}${"</a>".repeat(depth)}<devices/></domain>`;
  expect(writeTapInterface(nested(255), nic)).toContain("ua-red");
  // By a reader that goes over it again at each depth, this would not end within the test's time.
  for (const xml of [nested(256), nested(500_000), "<a>".repeat(1_300_000)])
    expect(() => writeTapInterface(xml, nic)).toThrow("nested deeper than 256");
});

test("a link that is down is written on a tap alone: KubeVirt brings no other up again", () => {
  const down = { ...nic, linkDown: true };
  expect(writeTapInterface(DOMAIN, down)).toContain("<link state='down'/>");
  const network: DomainPlan = { kind: "userNetwork", network: "10.0.2.0/24", search: [], forward: [] };
  const others: readonly DomainPlan[] = [
    passt,
    { kind: "vhostuser", socket: "a", mode: "client", queues: 0 },
    { kind: "vdpa", device: "vhost-vdpa-0" },
    { kind: "hostdev", pciAddress: "0000:01:10.0" },
    network,
  ];
  for (const plan of others) expect(patchDomain(DOMAIN, down, plan)).not.toContain("<link");
});
