import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Attachment,
  type Binding,
  BindingError,
  defineBinding,
  type DomainPlan,
  type NftMatch,
  type NftVerdict,
  type Plan,
} from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import bridge from "@netbind/plugin-bridge";
import masquerade from "@netbind/plugin-masquerade";
import passt from "@netbind/plugin-passt";
import slirp from "@netbind/plugin-slirp";
import { addBinding, listenUnix, makeServer } from "@netbind/remote/sidecar";
import {
  attachmentFromWire,
  attachmentToWire,
  connectBinding,
  planFromWire,
  planToWire,
} from "@netbind/remote/binding";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-wire-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const text = fc.string({ maxLength: 8 });
const port = fc.integer({ min: 1, max: 65_535 });
const attachments: fc.Arbitrary<Attachment> = fc.record(
  {
    name: text,
    network: fc.oneof(
      fc.record(
        { kind: fc.constant("pod" as const), vmNetworkCidr: text, vmIpv6NetworkCidr: text },
        { requiredKeys: ["kind"] },
      ),
      fc.record({ kind: fc.constant("multus" as const), networkName: text, default: fc.boolean() }),
    ),
    model: text,
    virtioTransitional: fc.boolean(),
    macAddress: text,
    ports: fc.array(
      fc.record(
        { name: text, protocol: fc.constantFrom("TCP" as const, "UDP" as const), port, lastPort: port },
        { requiredKeys: ["protocol", "port"] },
      ),
    ),
    dhcpOptions: fc.record(
      {
        bootFileName: text,
        tftpServerName: text,
        ntpServers: fc.array(text),
        privateOptions: fc.array(fc.record({ option: port, value: text })),
      },
      { requiredKeys: ["ntpServers", "privateOptions"] },
    ),
    bootOrder: port,
    pciAddress: text,
    acpiIndex: port,
    state: fc.constantFrom("up" as const, "down" as const, "absent" as const),
    mesh: fc.boolean(),
    cause: fc.constantFrom("boot" as const, "migrationTarget" as const, "hotplug" as const),
    mac: text,
    index: port,
    queues: port,
    deviceInfo: fc.record({ type: text, pciAddress: fc.constant("0000:01:10.0") }, { requiredKeys: ["type"] }),
    allocatedDevices: fc.array(text),
    pod: fc.record({
      name: text,
      mac: text,
      mtu: port,
      addresses: fc.array(text),
      routes: fc.array(fc.record({ destination: text, gateway: text }, { requiredKeys: ["destination"] })),
    }),
    names: fc.record({ pod: text, tap: text, bridge: text, adopted: text }),
    resolvConf: fc.record({ nameservers4: fc.array(text), nameservers6: fc.array(text), search: fc.array(text) }),
    hostname: text,
    migrationTransport: fc.constantFrom("unix" as const, "ports" as const),
    libvirtVersion: fc.string(),
  },
  {
    noNullPrototype: true,
    requiredKeys: [
      "name",
      "network",
      "model",
      "virtioTransitional",
      "ports",
      "dhcpOptions",
      "state",
      "mesh",
      "cause",
      "mac",
      "index",
      "queues",
      "allocatedDevices",
      "pod",
      "names",
      "resolvConf",
      "hostname",
      "migrationTransport",
    ],
  },
);

const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

test("every attachment comes out of the wire as it went in", () => {
  fc.assert(
    fc.property(
      attachments,
      (attachment) => void expect(plain(attachmentFromWire(attachmentToWire(attachment)))).toEqual(plain(attachment)),
    ),
  );
});

const matches: fc.Arbitrary<NftMatch> = fc.oneof(
  fc.record({ kind: fc.constantFrom("inputInterface" as const, "outputInterface" as const), name: text }),
  fc.record({
    kind: fc.constantFrom("sourceAddress" as const, "destinationAddress" as const),
    addresses: fc.array(text),
  }),
  fc.record({
    kind: fc.constant("destinationPort" as const),
    protocol: fc.constantFrom("tcp" as const, "udp" as const),
    ports: fc.array(fc.oneof(port, fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 6, max: 9 })))),
  }),
);
const verdicts: fc.Arbitrary<NftVerdict> = fc.oneof(
  fc.record({ kind: fc.constantFrom("accept" as const, "drop" as const, "return" as const, "masquerade" as const) }),
  fc.record({ kind: fc.constantFrom("dnat" as const, "snat" as const), to: text }),
  fc.record({ kind: fc.constant("jump" as const), chain: text }),
);

const passtPorts = fc.array(fc.record({ from: port, to: port }, { requiredKeys: ["from"] }));
const domains: fc.Arbitrary<DomainPlan> = fc.oneof(
  fc.constant({ kind: "tap" as const }),
  fc.record({
    kind: fc.constant("passt" as const),
    forward: fc.array(
      fc.record({ protocol: fc.constantFrom("tcp" as const, "udp" as const), ports: passtPorts, except: passtPorts }),
    ),
  }),
  fc.record({
    kind: fc.constant("vhostuser" as const),
    socket: text,
    mode: fc.constantFrom("server" as const, "client" as const),
    queues: port,
  }),
  fc.record({ kind: fc.constant("vdpa" as const), device: text }),
  fc.record({
    kind: fc.constant("userNetwork" as const),
    network: text,
    search: fc.array(text),
    forward: fc.array(fc.record({ protocol: fc.constantFrom("TCP" as const, "UDP" as const), port })),
  }),
  fc.record({ kind: fc.constant("hostdev" as const), pciAddress: text }),
);

test("every rule and every kind of domain part comes out of the wire as it went in", () => {
  fc.assert(
    fc.property(fc.array(matches), verdicts, domains, (found, verdict, domain) => {
      const chain = {
        name: "c",
        base: { type: "nat", hook: "output", priority: -100 },
        rules: [{ family: "ip6", matches: found, verdict }],
      } as const;
      const plan: Plan = {
        network: {
          links: [
            { kind: "tap", name: "t", mtu: 1, queues: 2, bridge: "b" },
            { kind: "adopted", name: "n", bridge: "b", mtu: 1 },
            { kind: "placeholder", name: "p", mac: "m", mtu: 1, addresses: [{ address: "a", prefix: 2 }] },
          ],
          sysctls: [{ key: "k", value: "v" }],
          nftables: [chain, { name: "r", rules: [] }],
        },
        domain,
      };
      expect(plain(planFromWire(planToWire(plan)))).toEqual(plain(plan));
    }),
  );
  const attachment = anAttachment({ ports: [{ protocol: "UDP", port: 53 }], mesh: true });
  for (const binding of [masquerade, bridge, passt, slirp]) {
    const real = binding.plan(attachment);
    expect(plain(planFromWire(planToWire(real))), binding.name).toEqual(plain(real));
  }
});

async function served(
  binding: Binding,
): Promise<{ readonly client: ReturnType<typeof connectBinding> } & AsyncDisposable> {
  const server = makeServer();
  addBinding(server, binding);
  const socket = join(directory, "binding.sock");
  await listenUnix(server, socket);
  const client = connectBinding(socket);
  return {
    client,
    [Symbol.asyncDispose]: async () => {
      client.close();
      server.forceShutdown();
    },
  };
}

test("a plugin behind a socket answers as the plugin itself", async () => {
  await using observed = await served(masquerade);
  const attachment = anAttachment({ ports: [{ protocol: "TCP", port: 80 }] });
  expect(await observed.client.describe()).toEqual({
    name: "masquerade",
    contract: "v1alpha1",
    migration: "supported",
    hooks: ["admit", "needs", "plan"],
    takesPodMac: false,
  });
  expect(plain(await observed.client.plan(attachment))).toEqual(plain(masquerade.plan(attachment)));
  expect(await observed.client.admit({ ...attachment, macAddress: "02:00:00:00:00:00" })).toEqual(
    masquerade.admit({ ...attachment, macAddress: "02:00:00:00:00:00" }),
  );
  expect(plain(await observed.client.needs(attachment))).toEqual(plain(masquerade.needs(attachment)));
});

test("an author's error names binding, hook and NIC; the contract's own keeps its code and hint", async () => {
  const broken = defineBinding({
    name: "broken",
    contract: "v1alpha1",
    migration: "none",
    plan: ({ name }) => {
      if (name === "red") throw new TypeError("x is undefined");
      throw new BindingError("PLAN_IMPOSSIBLE", "no", "do ünlike");
    },
  });
  await using observed = await served(broken);
  await expect(observed.client.plan(anAttachment())).rejects.toMatchObject({
    code: "PLUGIN_FAILED",
    message: expect.stringMatching(/"broken" failed to plan NIC "red": x is undefined/),
  });
  await expect(observed.client.plan(anAttachment({ name: "blue" }))).rejects.toMatchObject({
    code: "PLAN_IMPOSSIBLE",
    hint: "do ünlike",
  });
  expect(await observed.client.admit(anAttachment())).toEqual([]);
});

test("another contract version is refused; a socket that nobody serves is UNAVAILABLE", async () => {
  await using observed = await served({ ...masquerade, contract: "v9" as "v1alpha1" });
  await expect(observed.client.plan(anAttachment())).rejects.toMatchObject({ code: "CONTRACT_UNSUPPORTED" });
  const nobody = connectBinding(join(directory, "nobody.sock"));
  await expect(nobody.describe()).rejects.toMatchObject({ code: "UNAVAILABLE" });
  nobody.close();
});

test("a stale socket is replaced", async () => {
  const socket = join(directory, "binding.sock");
  const stale = createServer().listen(socket);
  await new Promise((resolve) => stale.once("listening", resolve));
  await new Promise((resolve) => stale.close(resolve));
  writeFileSync(socket, "");
  await using observed = await served(masquerade);
  expect((await observed.client.describe()).name).toBe("masquerade");
});
