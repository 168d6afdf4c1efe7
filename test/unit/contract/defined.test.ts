import { defined } from "@netbind/contract";
import { expect, expectTypeOf, test } from "vitest";

test("keys whose value is undefined are left out, and their type says so", () => {
  const mtu = undefined as number | undefined;
  const value = defined({ name: "eth0", mtu, up: false, vlan: null, nested: { mtu } });
  expect(Object.keys(value)).toEqual(["name", "up", "vlan", "nested"]);
  expect(value).toStrictEqual({ name: "eth0", up: false, vlan: null, nested: { mtu: undefined } });
  expectTypeOf(value).toMatchTypeOf<{ readonly name: string; readonly mtu?: number; readonly up: boolean }>();
  // @ts-expect-error a key that may be left out is not one that must be there
  const whole: { readonly mtu: number } = value;
  expect(whole).not.toHaveProperty("mtu");
});
