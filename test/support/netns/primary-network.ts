/**
 * A pod network as a cluster has it whose users have primary networks of their own (OVN-Kubernetes): its CNI plugin makes two
 * links, `eth0` for the cluster and another one, which has the gateway and is the pod's primary link.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { netnsPath, type VmStatus } from "@netbind/local";
import { inNetns, exec } from "@netbind/netns";
import { expect } from "vitest";
import type { Lab } from "../guest/lab.ts";
import { Outside, OUTSIDE_PORTS } from "../peers/outside.ts";

/** The pod's primary link. */
export const PRIMARY = "ovn-udn1";
const CLUSTER = "eth0";
const PLUGINS = "/usr/lib/cni";

/**
 * The plugin: the machine's bridge plugin makes both links; only the primary one's address has a gateway in the result. It is a
 * script for a shell first, which finds this runtime by a path with spaces too.
 */
const program = (links: object): string => `#!/bin/sh
":" //; exec ${JSON.stringify(process.execPath)} "$0" "$@"
const { execFileSync } = require("node:child_process");
const { readFileSync } = require("node:fs");
const { cniVersion } = JSON.parse(readFileSync(0, "utf8"));
const all = { cniVersion, interfaces: [], ips: [], routes: [] };
for (const [ifname, config] of Object.entries(${JSON.stringify(links)})) {
  const env = { ...process.env, CNI_IFNAME: ifname };
  const text = execFileSync("${PLUGINS}/bridge", { env, input: JSON.stringify({ cniVersion, ...config }), encoding: "utf8" });
  if (text.trim() === "") continue;
  const { interfaces, ips = [], routes = [] } = JSON.parse(text);
  for (const { gateway, ...ip } of ips)
    all.ips.push({ ...ip, interface: ip.interface + all.interfaces.length, ...(ifname === "${PRIMARY}" ? { gateway } : {}) });
  all.interfaces.push(...interfaces);
  all.routes.push(...routes);
}
if (process.env.CNI_COMMAND === "ADD") process.stdout.write(JSON.stringify(all));
`;

/** Puts the plugin on the machine for as long as it is used. */
export class PrimaryNetwork implements Disposable {
  /** What `run` takes as `--pod-network`. */
  readonly file: string;
  readonly #plugin: string;

  constructor(lab: Lab) {
    const type = `nbtest-${randomBytes(4).toString("hex")}`;
    const dataDir = join(lab.state.node, "ipam");
    const bridge = (name: string, subnet: string, more: object = {}): object => ({
      ...{ type: "bridge", name, bridge: name, mtu: 1400 },
      ...{ isGateway: true, ipam: { type: "host-local", dataDir, ranges: [[{ subnet }]], ...more } },
    });
    this.#plugin = join(PLUGINS, type);
    const links = {
      [CLUSTER]: bridge("nbcluster", "10.129.0.0/24"),
      [PRIMARY]: bridge("nbprimary", "10.128.0.0/24", { routes: [{ dst: "0.0.0.0/0" }] }),
    };
    writeFileSync(this.#plugin, program(links));
    chmodSync(this.#plugin, 0o755);
    this.file = join(lab.directory, "primary.conflist");
    writeFileSync(this.file, JSON.stringify({ cniVersion: "1.0.0", name: "primary", plugins: [{ type }] }));
  }

  [Symbol.dispose](): void {
    rmSync(this.#plugin, { force: true });
  }
}

/** Sees that a guest whose web server says `nonce` has the primary link's traffic, in and out, and that `eth0` is nobody's. */
export async function expectPrimaryTraffic(lab: Lab, { name, netns, nics }: VmStatus, nonce: string): Promise<void> {
  const pod = nics[0]?.podAddresses[0] ?? "";
  expect(pod).toMatch(/^10\.128\.0\.\d+$/);
  const [eth0] = JSON.parse(
    await inNetns(netnsPath(netns), exec)(["ip", "-json", "-4", "addr", "show", "dev", CLUSTER]),
  ) as readonly {
    readonly master?: string;
    readonly addr_info: readonly { readonly local: string }[];
  }[];
  expect(eth0).toMatchObject({ addr_info: [{ local: expect.stringMatching(/^10\.129\.0\.\d+$/) }] });
  expect(eth0?.master).toBeUndefined();
  using outside = await Outside.start(netnsPath(lab.state.nodeNetns));
  expect((await outside.fetch(`http://${pod}/`)).trim()).toBe(nonce);
  // passt takes what is sent to the gateway itself for the pod's own.
  const beyond = "198.51.100.7";
  await outside.run(["ip", "addr", "replace", `${beyond}/32`, "dev", "lo"]);
  await lab.inGuest(name, `echo by-primary | nc -w 3 ${beyond} ${OUTSIDE_PORTS.tcp}`);
  expect((await outside.sees("tcp", "by-primary")).address).toBe(pod);
}
