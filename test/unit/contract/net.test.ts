import fc from "fast-check";
import { expect, test } from "vitest";
import { cidrHost, formatAddress, normalizeMac, parseAddress, parseCidr } from "../../../core/contract/src/net.ts";

test("every IPv4 and IPv6 address is read as it is printed", () => {
  const isRead = (family: 4 | 6, value: bigint): void =>
    expect(parseAddress(formatAddress(family, value))).toEqual({ family, value });
  fc.assert(fc.property(fc.bigInt(0n, 2n ** 32n - 1n), (value) => void isRead(4, value)));
  fc.assert(fc.property(fc.bigInt(0n, 2n ** 128n - 1n), (value) => void isRead(6, value)));
});

test("IPv6 is printed in RFC 5952's form", () => {
  const forms = {
    "0:0:0:0:0:0:0:0": "::",
    "fd10:0:2:0:0:0:0:1": "fd10:0:2::1",
    "2001:db8:0:1:1:1:1:1": "2001:db8:0:1:1:1:1:1",
    "::ffff:10.0.0.1": "::ffff:a00:1",
    "1:0:0:2:0:0:0:3": "1:0:0:2::3",
  };
  for (const [text, canonical] of Object.entries(forms))
    expect(formatAddress(6, parseAddress(text)?.value ?? -1n)).toBe(canonical);
});

test("what is not an address is none", () => {
  for (const text of [
    "",
    "10.0.0",
    "10.0.0.256",
    "010.0.0.1",
    "1::2::3",
    "1:2:3",
    "g::",
    "10.0.0.1/24",
    ":::",
    "12345::",
  ])
    expect(parseAddress(text), text).toBeUndefined();
});

test("a network loses its host bits and knows its hosts", () => {
  const cidr = parseCidr("10.0.2.77/24");
  expect(cidr && [cidrHost(cidr, 1), cidrHost(cidr, 2)]).toEqual(["10.0.2.1", "10.0.2.2"]);
  for (const text of ["10.0.2.0", "10.0.2.0/33", "fd10::/129", "10.0.2.0/24/1", "10.0.2.0/x"])
    expect(parseCidr(text), text).toBeUndefined();
});

test("a MAC address has one form", () => {
  for (const text of ["DE:AD:00:00:BE:AF", "de-ad-00-00-be-af", "dead.0000.beaf"])
    expect(normalizeMac(text)).toBe("de:ad:00:00:be:af");
  for (const text of ["", "de:ad:00:00:be", "de:ad:00:00:be:a", "de:ad-00:00:be:af", "de:ad:00:00:be:af:00:00"])
    expect(normalizeMac(text), text).toBeUndefined();
});
