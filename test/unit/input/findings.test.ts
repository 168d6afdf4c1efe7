/** What is found in documents of the kinds that people ask about most, and that nothing is found in the right ones. */
import { readdirSync, readFileSync } from "node:fs";

import fc from "fast-check";
import { expect, test } from "vitest";
import { parseText } from "../../../core/input/src/documents.ts";
import { type Input, inputOf } from "../../../core/input/src/input.ts";
import { validateInput } from "../../../core/input/src/validate-input.ts";
import { readNetworkData } from "../../../core/kubevirt/src/nic/network-data.ts";
import { OWN_BINDINGS } from "../../support/cases/own-bindings.ts";

const FOLDER = new URL("../../findings/", import.meta.url);
const names = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => name.replace(/\.yaml$/, ""));
const wrong = names.filter((name) => !name.endsWith("-right"));

function inputIn(name: string): Input {
  const file = `${name}.yaml`;
  return inputOf(parseText(file, readFileSync(new URL(file, FOLDER), "utf8")), file, "anything of a VM or its cluster");
}

const found = (name: string): string =>
  validateInput(inputIn(name), { operation: "create" }, OWN_BINDINGS)
    .map(
      ({ line, rule, consequence, field, problem, fix }) =>
        `${line} ${rule} (${consequence}) ${field}\n  ${problem}\n  ${fix}\n`,
    )
    .join("");

test.each(wrong)("%s: every mistake is found, once, where it stands", async (name) => {
  await expect(found(name)).toMatchFileSnapshot(new URL(`${name}.txt`, FOLDER).pathname);
  expect(found(name)).not.toBe("");
});

test.each(wrong)("%s: what is found names its object and its place, or is of a text that is not an object", (name) => {
  for (const one of validateInput(inputIn(name), { operation: "create" }, OWN_BINDINGS)) {
    expect(one).toMatchObject({ file: `${name}.yaml`, rule: expect.stringMatching(/^[A-Z]/) });
    for (const text of [one.problem, one.fix, one.reason, one.consequence]) expect(text).not.toBe("");
    expect(Math.min(one.line, one.column)).toBeGreaterThan(0);
    if (one.field === "" && one.object === undefined) continue;
    for (const text of ["kind", "namespace", "name"] as const) expect(one.object?.[text], one.problem).toMatch(/./);
  }
});

test.each(names.filter((name) => name.endsWith("-right")))("%s: nothing is found", (name) => {
  expect(found(name)).toBe("");
});

test("network data whose version is an object that no text can be made of does not crash", () => {
  expect(readNetworkData({ version: { toString: false } })).toEqual([]);
});

/** Network data of any shape below the words that are looked for. */
const json = fc.jsonValue({ maxDepth: 2 });
const oneOrMany = (value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof(value, fc.array(value, { maxLength: 2 }), json);
const fields = (keys: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 4, arbitrary: fc.record(keys, { requiredKeys: [] }) }, json);
const ethernet = fields({
  match: fields({ macaddress: fc.oneof(fc.constantFrom("02:00:00:00:00:01", "*"), json), name: json }),
  addresses: oneOrMany(fc.oneof(fc.constantFrom("10.0.2.2/24", "192.0.2.1", "::/x"), json)),
  dhcp4: json,
});
const physical = fields({
  type: fc.constant("physical"),
  name: json,
  mac_address: json,
  subnets: oneOrMany(fields({ type: json, address: json })),
});
const networkData = fields({
  version: fc.oneof(fc.constantFrom(1, 2, "2"), json),
  ethernets: fc.oneof(fc.dictionary(fc.constantFrom("eth0", "eth7", "enp1s0", "__proto__"), ethernet), json),
  config: oneOrMany(physical),
  network: json,
  links: oneOrMany(fields({ id: fc.constant("a"), type: json, ethernet_mac_address: json })),
  networks: oneOrMany(fields({ link: fc.constant("a"), type: json, ip_address: json })),
});

test("network data, Services and probes of any shape are looked at, and end in findings of the VM at the most", () => {
  const vm = (data: unknown, port: unknown): object => ({
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: { name: "vm", labels: { app: "a" } },
    spec: {
      domain: { devices: { interfaces: [{ name: "default", masquerade: {}, ports: [{ port: 80 }] }] } },
      readinessProbe: { httpGet: { port } },
      networks: [{ name: "default", pod: {} }],
      volumes: [{ name: "v", cloudInitNoCloud: { networkData: JSON.stringify(data) } }],
    },
  });
  const service = (ports: unknown): object => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "s" },
    spec: { selector: { app: "a" }, ports },
  });
  let told = 0;
  fc.assert(
    fc.property(networkData, oneOrMany(fields({ port: json, targetPort: json })), json, (data, ports, port) => {
      const text = JSON.stringify({ kind: "List", items: [vm(data, port), service(ports)] });
      const rules = validateInput(
        inputOf(parseText("a.yaml", text), "a.yaml"),
        { operation: "create" },
        OWN_BINDINGS,
      ).map(({ rule }) => rule);
      expect(["CLOUD-1", "CLOUD-2", "CLOUD-3", "PROBE-2", "PORT-6", "SCHEMA"]).toEqual(expect.arrayContaining(rules));
      told += rules.length;
    }),
    { numRuns: 500 },
  );
  expect(told).toBeGreaterThan(50);
});
