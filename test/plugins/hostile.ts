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

/** Fills the directory that the sidecar shares with its launcher, by bytes and then by names, once somebody puts a file there. */
function fillWhenAsked(): void {
  const { process, console, setInterval } = globalThis as unknown as {
    readonly process: { getBuiltinModule(name: "node:fs"): Files };
    readonly console: { error(text: string): void };
    readonly setInterval: (act: () => void, ms: number) => unknown;
  };
  const fs = process.getBuiltinModule("node:fs");
  const own = "/var/run/kubevirt-hooks";
  const until = (what: string, most: number, write: (path: string) => void): void => {
    let count = 0;
    try {
      for (; count < most; count++) write(`${own}/${what}-${count}`);
      console.error(`${what}: no end behind ${count}`);
    } catch (error) {
      console.error(`${what}: ${(error as { readonly code: string }).code} behind ${count}`);
    }
  };
  let begun = false;
  setInterval(() => {
    if (begun || !fs.existsSync(`${own}/fill`)) return;
    begun = true;
    const mebibyte = "x".repeat(1024 * 1024);
    until("MiB", 1024, (path) => fs.writeFileSync(path, mebibyte));
    until("names", 100_000, (path) => fs.mkdirSync(path));
  }, 100);
}

interface Files {
  existsSync(path: string): boolean;
  writeFileSync(path: string, text: string): void;
  mkdirSync(path: string): void;
}

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
    throw new Error(
      `\u001b[2J\u009b31m \u202egnp.\u202c \r\nnetbind: default/other: healthy\n${"x".repeat(100_000)} the end`,
    );
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
  fills: (attachment) => {
    fillWhenAsked();
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
