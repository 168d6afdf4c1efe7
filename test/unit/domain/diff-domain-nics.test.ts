import { diffDomainNics } from "@netbind/domain";
import { expect, test } from "vitest";

test("a domain's NICs that do not fit the next pod are reported attribute by attribute; where they are placed is of no matter", () => {
  const domain = (inner: string, rest = ""): string =>
    `<domain><devices><interface type='ethernet'><alias name='ua-red'/>${inner}</interface>${rest}</devices></domain>`;
  const had = domain(
    "<target dev='tap0' managed='no'/><mtu size='1500'/><address type='pci' bus='0x01'/><link state='up'/>",
  );
  expect(
    diffDomainNics(had, domain("<mtu size='1500'/><target managed='no' dev='tap0'/><link state='down'/>")),
  ).toEqual([]);
  expect(diffDomainNics(had, domain("<target dev='tap0' managed='no'/><mtu size='1400'/>"))).toEqual([
    "NIC red has mtu size=1500 now, and would not have it after the migration",
    "NIC red would have mtu size=1400 after the migration, and does not have it now",
  ]);
  const two = domain(
    "<target dev='tap0' managed='no'/><mtu size='1500'/>",
    "<hostdev><alias name='ua-sriov-blue'/></hostdev>",
  );
  expect(diffDomainNics(had, two)).toEqual(["NIC blue is only in the next domain"]);
});
