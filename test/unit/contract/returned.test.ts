import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Attachment,
  type Binding,
  type BindingDefinition,
  BindingError,
  defineBinding,
  type NicSpec,
} from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import { addBinding, listenUnix, makeServer } from "@netbind/remote/sidecar";
import { connectBinding } from "@netbind/remote/binding";
import { describe, expect, test } from "vitest";

/** A binding whose hooks return what no type lets through. */
const returning = (hooks: Readonly<Record<string, (nic: NicSpec) => unknown>>): Binding =>
  defineBinding({
    name: "wrong",
    contract: "v1alpha1",
    migration: "none",
    plan: () => ({ domain: { kind: "tap" } }),
    ...hooks,
  } as unknown as BindingDefinition);

const LINK = { kind: "tap", name: "tap0", mtu: 1500, queues: 0 };
const withLink = (link: object): unknown => ({ network: { links: [{ ...LINK, ...link }] }, domain: { kind: "tap" } });
const withNetwork = (network: object): unknown => ({ network: { links: [], ...network }, domain: { kind: "tap" } });
const RULE = { family: "ip", matches: [], verdict: { kind: "drop" } };
const withRule = (rule: object): unknown => withNetwork({ nftables: [{ name: "c", rules: [{ ...RULE, ...rule }] }] });
const RA = { kind: "ra", link: "k6t-eth0", network: "fd00::/64", mtu: 1500, routerLifetimeSeconds: 1800 };
const circle = (): unknown => {
  const forward: { protocol: string; ports?: unknown[] } = { protocol: "tcp" };
  forward.ports = [forward];
  return { domain: { kind: "passt", forward: [forward] } };
};

/** What plan returns, and what is said of it. */
const PLANS: readonly (readonly [string, () => unknown, readonly string[]])[] = [
  ["nothing", () => undefined, ["undefined is not an object"]],
  ["null", () => null, ["null is not an object"]],
  ["a list", () => [], ["a list is not an object"]],
  ["a text", () => "tap", ['"tap" is not an object']],
  ["a promise", async () => ({ domain: { kind: "tap" } }), ["it is a promise"]],
  ["a promise that fails", async () => Promise.reject(new Error("later")), ["it is a promise"]],
  ["no domain", () => ({}), ["domain: the field is missing"]],
  ["a domain that is null", () => ({ domain: null }), ["domain: the field is missing"]],
  ["a domain without a kind", () => ({ domain: {} }), ["domain.kind: the field is missing"]],
  [
    "a domain of another kind",
    () => ({ domain: { kind: "tapp" } }),
    ['domain.kind: "tapp" is not one of tap, passt, vhostuser, vdpa, userNetwork, hostdev'],
  ],
  [
    "a kind from a prototype",
    () => ({ domain: { kind: "constructor" } }),
    ['domain.kind: "constructor" is not one of'],
  ],
  [
    "an unknown field",
    () => ({ domain: { kind: "tap" }, service: [] }),
    ['service: unknown field "service"', '"services"'],
  ],
  ["an unknown field deep inside", () => withLink({ mtuu: 1 }), ["network.links[0].mtuu: unknown field", '"mtu"']],
  ["a number as a text", () => withLink({ mtu: "1500" }), ['network.links[0].mtu: "1500" is not a whole number']],
  ["NaN", () => withLink({ mtu: Number.NaN }), ["network.links[0].mtu: NaN is not a whole number"]],
  ["infinity", () => withLink({ mtu: Number.POSITIVE_INFINITY }), ["network.links[0].mtu: Infinity is not"]],
  ["a negative number", () => withLink({ queues: -1 }), ["network.links[0].queues: -1 is not a whole number from 0"]],
  ["a broken number", () => withLink({ mtu: 1500.5 }), ["network.links[0].mtu: 1500.5 is not a whole number"]],
  [
    "a number too large for the wire",
    () => withLink({ mtu: 2 ** 32 }),
    ["network.links[0].mtu: 4294967296 is not a whole number"],
  ],
  ["a bigint", () => withLink({ mtu: 1500n }), ["network.links[0].mtu: 1500 is not a whole number"]],
  ["a symbol", () => withLink({ name: Symbol("tap0") }), ["network.links[0].name: Symbol(tap0) is not a string"]],
  ["a function", () => withLink({ name: () => "tap0" }), ["network.links[0].name: a function is not a string"]],
  ["no name", () => withLink({ name: undefined }), ["network.links[0].name: the field is missing"]],
  ["a list with a hole", () => withNetwork({ links: [undefined] }), ["network.links[0]: undefined is not an object"]],
  // biome-ignore lint/suspicious/noSparseArray: it is what is tested
  ["a sparse list", () => withNetwork({ links: [, LINK] }), ["network.links[0]: undefined is not an object"]],
  ["a text for a list", () => withNetwork({ links: "tap0" }), ['network.links: "tap0" is not a list']],
  [
    "an object for a list",
    () => withNetwork({ links: { 0: LINK, length: 1 } }),
    ["network.links: an object is not a list"],
  ],
  ["a map", () => withNetwork({ links: new Map() }), ["network.links: an instance of Map is not a list"]],
  [
    "an instance of a class",
    () => withNetwork({ sysctls: [new Date(0)] }),
    ["network.sysctls[0]: an instance of Date is not an object"],
  ],
  [
    "numbers in a list of texts",
    () => withRule({ matches: [{ kind: "sourceAddress", addresses: [1] }] }),
    ["rules[0].matches[0].addresses[0]: 1"],
  ],
  ["another family", () => withRule({ family: "inet" }), ['rules[0].family: "inet" is not one of ip, ip6']],
  ["a verdict as a text", () => withRule({ verdict: "drop" }), ['rules[0].verdict: "drop" is not an object']],
  [
    "three ports",
    () => withRule({ matches: [{ kind: "destinationPort", protocol: "tcp", ports: [[1, 2, 3]] }] }),
    ["ports[0]: a list is not a port"],
  ],
  [
    "a chain's base of another hook",
    () => withNetwork({ nftables: [{ name: "c", base: { type: "nat", hook: "ingress", priority: 0 }, rules: [] }] }),
    ['base.hook: "ingress"'],
  ],
  [
    "a priority beyond the wire",
    () =>
      withNetwork({ nftables: [{ name: "c", base: { type: "nat", hook: "input", priority: 2 ** 31 }, rules: [] }] }),
    ["base.priority: 2147483648"],
  ],
  [
    "a sysctl's number",
    () => withNetwork({ sysctls: [{ key: "net.ipv4.ip_forward", value: 1 }] }),
    ["network.sysctls[0].value: 1 is not a string"],
  ],
  [
    "another preference",
    () => ({ services: [{ ...RA, preference: "high" }], domain: { kind: "tap" } }),
    ['services[0].preference: "high" is not one of low'],
  ],
  [
    "a service of another kind",
    () => ({ services: [{ kind: "dns" }], domain: { kind: "tap" } }),
    ['services[0].kind: "dns" is not one of dhcp4, dhcp6, ra'],
  ],
  [
    "an element of its own",
    () => ({ domain: { kind: "passt", forward: [], element: { name: "interface" } } }),
    ['domain.element: unknown field "element"'],
  ],
  [
    "a port as a text, and a protocol of another case",
    () => ({ domain: { kind: "passt", forward: [{ protocol: "TCP", ports: [{ from: "80" }], except: [] }] } }),
    [
      'domain.forward[0].ports[0].from: "80" is not a whole number',
      'domain.forward[0].protocol: "TCP" is not one of tcp, udp',
    ],
  ],
  [
    "a vhost-user socket by its path, of another mode",
    () => ({ domain: { kind: "vhostuser", path: "/run/a.sock", mode: "master", queues: -1 } }),
    [
      "domain.socket: the field is missing",
      'domain.path: unknown field "path"',
      'domain.mode: "master" is not one of server, client',
      "domain.queues: -1 is not a whole number",
    ],
  ],
  [
    "a vDPA device by its number",
    () => ({ domain: { kind: "vdpa", device: 0 } }),
    ["domain.device: 0 is not a string"],
  ],
  ["a circle", circle, ["domain.forward[0].ports[0]: the object holds itself"]],
  [
    "a getter that throws",
    () => ({
      get domain(): never {
        throw new Error("no domain");
      },
    }),
    ["it cannot be read: no domain"],
  ],
  [
    "many mistakes at once",
    () => withLink({ name: 1, mtu: "x", queues: null }),
    ["links[0].name: 1", 'links[0].mtu: "x"', "links[0].queues: the field is missing"],
  ],
];

const ADMITS: readonly (readonly [string, () => unknown, readonly string[]])[] = [
  ["nothing", () => undefined, ["undefined is not a list"]],
  ["true", () => true, ["true is not a list"]],
  ["a promise", async () => [], ["it is a promise"]],
  ["a violation that is a text", () => ["no"], ['[0]: "no" is not an object']],
  ["a violation without a fix", () => [{ field: "a", problem: "b" }], ["[0].fix: the field is missing"]],
  ["a violation with a number", () => [{ field: 1, problem: "b", fix: "c" }], ["[0].field: 1 is not a string"]],
];

const NEEDS: readonly (readonly [string, () => unknown, readonly string[]])[] = [
  ["nothing", () => undefined, ["undefined is not an object"]],
  ["a promise", async () => ({}), ["it is a promise"]],
  ["an unknown part", () => ({ computer: {} }), ['computer: unknown field "computer"']],
  [
    "a broken size",
    () => ({ compute: { memoryOverheadBytes: 1.5 } }),
    ["compute.memoryOverheadBytes: 1.5 is not a whole number"],
  ],
  [
    "a size as a quantity",
    () => ({ sidecar: { memoryBytes: "64Mi" } }),
    ['sidecar.memoryBytes: "64Mi" is not a whole number'],
  ],
  [
    "a capability that is not a string",
    () => ({ compute: { capabilities: [undefined] } }),
    ["compute.capabilities[0]: undefined is not a capability such as NET_RAW"],
  ],
  [
    "devices in a map",
    () => ({ compute: { devices: new Map([["a", 1]]) } }),
    ["compute.devices: an instance of Map is not an object"],
  ],
  [
    "an annotation that is a number",
    () => ({ pod: { annotations: { a: 1 } } }),
    ["pod.annotations.a: 1 is not a string"],
  ],
];

const attachment: Attachment = anAttachment();

/** The error of one call, and nothing else. */
async function errorOf(call: () => unknown): Promise<BindingError> {
  try {
    await call();
  } catch (error) {
    expect(error).toBeInstanceOf(BindingError);
    return error as BindingError;
  }
  throw new Error("it was taken");
}

/** Asks over a unix socket. */
async function overSocket<T>(
  binding: Binding,
  ask: (client: ReturnType<typeof connectBinding>) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "netbind-returned-"));
  const server = makeServer();
  addBinding(server, binding);
  const client = connectBinding(join(directory, "b.sock"));
  try {
    await listenUnix(server, join(directory, "b.sock"));
    return await ask(client);
  } finally {
    client.close();
    server.forceShutdown();
    rmSync(directory, { recursive: true });
  }
}

const HOOKS = { plan: PLANS, admit: ADMITS, needs: NEEDS } as const;

describe.each(["plan", "admit", "needs"] as const)(
  "what %s returns is refused by its fields, in process and over a socket:",
  (hook) => {
    test.each(HOOKS[hook])("%s", async (_what, hookOf, words) => {
      const binding = returning({ [hook]: hookOf });
      const here = await errorOf(() => binding[hook](attachment));
      const observed = await errorOf(() => overSocket<unknown>(binding, (client) => client[hook](attachment)));
      for (const { code, message, hint } of [here, observed]) {
        expect(code).toBe("PLUGIN_FAILED");
        for (const word of [`what ${hook} returned is not`, ...words]) expect(message).toContain(word);
        expect(message).toMatch(/\(defined at \S*returned\.test\.ts:\d+:\d+\)/);
        expect(message).not.toMatch(/Cannot read properties|serializ/);
        expect(hint).toContain("where it is yours");
      }
    });
  },
);

test.each([
  ["nothing", undefined, ["undefined is not an object"]],
  ["a promise", Promise.resolve({}), ["it is a promise"]],
  ["no name", { contract: "v1alpha1", migration: "none", plan: () => ({}) }, ["name: the field is missing"]],
  [
    "a name that is a path",
    { name: "../x", contract: "v1alpha1", migration: "none", plan: () => ({}) },
    ['name: "../x" is not a name of'],
  ],
  [
    "another contract",
    { name: "a", contract: "v2", migration: "none", plan: () => ({}) },
    ['contract: "v2" is not one of v1alpha1'],
  ],
  [
    "another migration",
    { name: "a", contract: "v1alpha1", migration: true, plan: () => ({}) },
    ["migration: true is not one of none"],
  ],
  ["no plan", { name: "a", contract: "v1alpha1", migration: "none" }, ["plan: the field is missing"]],
  [
    "a plan that is data",
    { name: "a", contract: "v1alpha1", migration: "none", plan: {} },
    ["plan: an object is not a function"],
  ],
  [
    "an admit that is a list",
    { name: "a", contract: "v1alpha1", migration: "none", plan: () => ({}), admit: [] },
    ["admit: a list is not a function"],
  ],
  [
    "an unknown hook",
    { name: "a", contract: "v1alpha1", migration: "none", plan: () => ({}), admits: () => [] },
    ['admits: unknown field "admits"', '"admit"'],
  ],
  [
    "a text for true",
    { name: "a", contract: "v1alpha1", migration: "none", plan: () => ({}), takesPodMac: "yes" },
    ['takesPodMac: "yes" is not true or false'],
  ],
] as const)("a definition with %s is refused by its fields", async (_what, definition, words) => {
  const { code, message } = await errorOf(() => defineBinding(definition as unknown as BindingDefinition));
  expect(code).toBe("PLUGIN_FAILED");
  for (const word of words) expect(message).toContain(word);
  expect(message).toMatch(/\(defined at \S*returned\.test\.ts:\d+:\d+\)/);
});

test("fields that are undefined are fields that are left out", () => {
  const plan = { network: undefined, domain: { kind: "tap" } };
  expect(returning({ plan: () => plan }).plan(attachment)).toEqual({ domain: { kind: "tap" } });
});

test("what was checked does not change any more", () => {
  const plan: { domain: { kind: string } } = { domain: { kind: "tap" } };
  const taken = returning({ plan: () => plan }).plan(attachment);
  plan.domain.kind = "other";
  expect(taken.domain.kind).toBe("tap");
});

test("an error that an author throws names its place, whatever was thrown", async () => {
  const throws = (what: unknown): Promise<BindingError> =>
    errorOf(() =>
      overSocket(
        returning({
          plan: () => {
            throw what;
          },
        }),
        (client) => client.plan(attachment),
      ),
    );
  const usual = await throws(new Error("no plan today"));
  expect(usual.message).toMatch(/failed to plan NIC "\w+": no plan today \(at \S*returned\.test\.ts:\d+:\d+\)/);
  expect((await throws("a text")).message).toContain("a text");
  expect((await throws(undefined)).message).toContain("undefined");
  const unprintable = { toString: () => ({}) };
  expect((await throws(unprintable)).code).toBe("PLUGIN_FAILED");
});
