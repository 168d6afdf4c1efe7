/** A binding that answers Admit and Needs in the way that its NIC's name says. It plans a tap of its own. */
import { defineBinding, type Needs, type NicSpec, type Violation, violation } from "@netbind/contract";

/** The runtime's own, of which a plugin knows nothing. */
const runtime = globalThis as unknown as {
  readonly process: { exit(code: number): never };
  readonly console: { log(text: string): void };
};
/** The runtime's file system, of which a plugin has no types. */
const fs = (
  globalThis as unknown as {
    readonly process: {
      getBuiltinModule(name: string): {
        existsSync(path: string): boolean;
        readdirSync(path: string): readonly string[];
        readFileSync(path: string, encoding: "utf8"): string;
        writeFileSync(path: string, text: string): void;
      };
    };
  }
).process.getBuiltinModule("node:fs");

/** What the plugin sees of the machine that asks it. */
function look(): string {
  const files = ["/etc", "/root", "/home", "/var", "/run"].filter((path) => fs.existsSync(path));
  const processes = fs.readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name)).length;
  const links = fs
    .readFileSync("/proc/net/dev", "utf8")
    .split("\n")
    .flatMap((line) => (line.includes(":") ? [line.slice(0, line.indexOf(":")).trim()] : []));
  const status = fs.readFileSync("/proc/self/status", "utf8").split("\n");
  const rights = status
    .filter((line) => /^(Uid|CapEff|CapBnd|NoNewPrivs):/.test(line))
    .map((line) => line.split("\t").join(" "));
  return JSON.stringify({ files, processes, links, rights });
}

/** Fills the one directory that it may write to. Gives how it ended, and where. */
function fill(): string {
  let written = 0;
  try {
    for (; written < 256; written++) fs.writeFileSync(`/netbind/ask/${written}`, "x".repeat(1024 * 1024));
  } catch (error) {
    return `${(error as { readonly code: string }).code} behind ${written} MiB`;
  }
  return `no end behind ${written} MiB`;
}

function shout(): never {
  for (;;) runtime.console.log("x".repeat(1_000_000));
}

function hang(): never {
  for (;;) {
    // The process is busy for ever.
  }
}

/** As one does that waits for what never comes: it takes nothing of the processor from others. */
function wait(): never {
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

function fail(nic: NicSpec): never {
  throw new TypeError(`nothing is known of ${nic.name}`);
}

const admits: Readonly<Record<string, (nic: NicSpec) => readonly Violation[]>> = {
  refused: ({ model }) => [
    violation("model", `${JSON.stringify(model)} is not a model for this binding`, "use e1000e"),
    violation("network.pod", "the pod network is not for this binding", "use a multus network"),
  ],
  throws: (nic) => {
    runtime.console.log("the author says:\u001b[2J hello");
    return fail(nic);
  },
  hangs: hang,
  waits: wait,
  looks: () => [violation("name", look(), "look elsewhere")],
  fills: () => [violation("name", fill(), "write less")],
  "fills-and-hangs": () => {
    fill();
    return hang();
  },
  shouts: shout,
  exits: () => runtime.process.exit(7),
  promised: (async () => []) as unknown as () => readonly Violation[],
  texts: () => ["no"] as unknown as readonly Violation[],
};

const needs: Readonly<Record<string, (nic: NicSpec) => Needs>> = {
  "needs-throws": fail,
  "needs-nan": () => ({ compute: { memoryOverheadBytes: Number.NaN } }),
  "needs-much": () => ({
    compute: { capabilities: ["SYS_ADMIN"], devices: { "example.com/fpga": 1 }, memoryOverheadBytes: 1024 * 1024 },
  }),
  "needs-memory": () => ({ sidecar: { memoryBytes: 100_000_000, cpuMillis: 50 } }),
  "needs-device": () => ({
    compute: { devices: { "example.com/fpga": 1 } },
    pod: { annotations: { "example.com/asked": "yes" } },
  }),
};

export default defineBinding({
  name: "picky",
  contract: "v1alpha1",
  migration: "none",
  takesPodMac: true,
  admit: (nic) => admits[nic.name]?.(nic) ?? [],
  needs: (nic) => needs[nic.name]?.(nic) ?? {},
  plan: ({ names, pod, queues, name }) => ({
    network: {
      links: [
        {
          kind: "bridge",
          name: names.bridge,
          mtu: name === "plans-text" ? (String(pod.mtu) as unknown as number) : pod.mtu,
          addresses: [],
        },
        { kind: "tap", name: names.tap, mtu: pod.mtu, queues, bridge: names.bridge },
      ],
    },
    domain: { kind: "tap" },
  }),
});
