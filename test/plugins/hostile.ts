/** A binding that means harm, in the way that its NIC's name says. */
import { type Attachment, defineBinding, type Plan } from "@netbind/contract";

/** What a tap of one's own takes: within every bound. */
const honest = ({ names, pod, queues }: Attachment, mtu = pod.mtu): Plan => ({
  network: {
    links: [
      { kind: "bridge", name: names.bridge, mtu, addresses: [] },
      { kind: "tap", name: names.tap, mtu, queues, bridge: names.bridge },
    ],
  },
  domain: { kind: "tap" },
});

const harms: Readonly<Record<string, (attachment: Attachment) => Plan>> = {
  // Another NIC's link, the machine's sysctls, somebody else's traffic, a server for somebody else's guest.
  bounds: (attachment) => ({
    network: {
      links: [
        { kind: "bridge", name: "cni0", mtu: 1500, addresses: [] },
        { kind: "tap", name: attachment.names.tap, mtu: 1500, queues: 64 },
      ],
      sysctls: [{ key: "kernel.core_pattern", value: "|/bin/sh" }],
      nftables: [
        {
          name: "steal",
          base: { type: "nat", hook: "prerouting", priority: -100 },
          rules: [{ family: "ip", matches: [], verdict: { kind: "dnat", to: "192.0.2.1" } }],
        },
      ],
    },
    domain: { kind: "tap" },
  }),
  huge: (attachment) => {
    const plan = honest(attachment);
    const matches = [{ kind: "sourceAddress" as const, addresses: Array.from({ length: 40_000 }, () => "10.0.0.1") }];
    const rules = [{ family: "ip" as const, matches, verdict: { kind: "drop" as const } }];
    return { ...plan, network: { links: plan.network?.links ?? [], nftables: [{ name: "huge", rules }] } };
  },
  slow: () => {
    for (;;) {
      // The process is busy for ever.
    }
  },
  crash: () => {
    // A process that is gone cannot even say so.
    return (globalThis as unknown as { process: { exit(code: number): never } }).process.exit(9);
  },
  throws: () => {
    throw new Error("no\nplan { } today");
  },
  terminal: () => {
    throw new Error(`\u001b[2J\u009b31m \u202egnp.\u202c \r\nnetbind: default/other: healthy\n${"x".repeat(100_000)} the end`);
  },
  // Native code for the launcher, in what its process answers to the domain hook.
  domain: (attachment) => {
    const { Buffer } = globalThis as unknown as { Buffer: { from: (...all: unknown[]) => { toString(): string } } };
    const { from } = Buffer;
    const env = "<qemu:commandline><qemu:env name='LD_PRELOAD' value='/netbind/x.so'/></qemu:commandline></domain>";
    Buffer.from = (data, ...rest) => {
      const text = data instanceof Uint8Array ? new TextDecoder().decode(data) : "";
      return text.startsWith("<domain") ? from(text.replace("</domain>", env)) : from(data, ...rest);
    };
    return honest(attachment);
  },
  different: (attachment) => honest(attachment, 1000 + Math.floor(Math.random() * 500)),
};

export default defineBinding({
  name: "hostile",
  contract: "v1alpha1",
  migration: "none",
  plan: (attachment) => (harms[attachment.name] ?? honest)(attachment),
});
