import {
  interfaceOf,
  interfacesOf,
  type KubevirtConfiguration,
  networkOf,
  networksOf,
  registrationOf,
  type Vmi,
  withInterfaces,
} from "@netbind/kubevirt";
import { expect, test } from "vitest";

const vmi = (spec: Vmi["spec"]): Vmi => ({
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachineInstance",
  metadata: { name: "vm", namespace: "default" },
  spec,
});

const bare = vmi({ domain: { devices: {} } });
const blue = { name: "blue", multus: { networkName: "blue" } };
const full = vmi({
  domain: {
    devices: { interfaces: [{ name: "blue", bridge: {} }, { name: "red" }], networkInterfaceMultiqueue: true },
  },
  networks: [{ name: "red", pod: {} }, blue],
});

test("a VM without lists has no interfaces and no networks", () => {
  expect(interfacesOf(bare)).toEqual([]);
  expect(networksOf(bare)).toEqual([]);
  expect(interfaceOf(bare, "blue")).toBeUndefined();
  expect(networkOf(bare, "blue")).toBeUndefined();
});

test("a VM's template may leave its devices out", () => {
  const template = JSON.parse('{"spec":{"domain":{}}}') as Pick<Vmi, "spec">;
  expect(interfacesOf(template)).toEqual([]);
});

test("an interface and its network have one name", () => {
  expect(interfaceOf(full, "blue")).toEqual({ name: "blue", bridge: {} });
  expect(networkOf(full, "blue")).toBe(blue);
});

test("only what the CR says itself is a registration", () => {
  const configuration: KubevirtConfiguration = { network: { binding: { passt: { downwardAPI: "device-info" } } } };
  expect(registrationOf(configuration, "passt")).toEqual({ downwardAPI: "device-info" });
  expect(registrationOf(configuration, "constructor")).toBeUndefined();
  expect(registrationOf(configuration, undefined)).toBeUndefined();
  expect(registrationOf({}, "passt")).toBeUndefined();
});

test("other interfaces leave everything else of a VM as it is", () => {
  const changed = withInterfaces(full, []);
  expect(interfacesOf(changed)).toEqual([]);
  expect(changed.spec.domain.devices.networkInterfaceMultiqueue).toBe(true);
  expect(networksOf(changed)).toBe(full.spec.networks);
  expect(networksOf(withInterfaces(full, [], [blue]))).toEqual([blue]);
  expect(withInterfaces(bare, []).spec).not.toHaveProperty("networks");
});
