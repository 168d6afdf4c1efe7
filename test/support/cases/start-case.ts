/** Starts a golden case on this machine as a person does, in its folder. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { listVms, type VmStatus } from "@netbind/local";
import { expect } from "vitest";
import { isBooted } from "../guest/is-booted.ts";
import type { Lab } from "../guest/lab.ts";
import { netbind } from "../guest/netbind.ts";
import type { TestNetns } from "../netns/netns.ts";
import { CASES, inputArgs, POD_LINK } from "./cases.ts";
import type { Golden } from "./golden.ts";

/** The pod network of a case whose pod link is another than the one that is assumed. */
function podNetworkArgs(lab: Lab, name: string): readonly string[] {
  let link: { readonly mtu: number; readonly addresses: readonly string[] };
  try {
    link = JSON.parse(readFileSync(join(CASES, name, POD_LINK), "utf8")) as typeof link;
  } catch {
    return [];
  }
  const { mtu, addresses } = link;
  const ranges = addresses.map((address) => [{ subnet: address.replace(/\b2\//, "0/").replace("::0/", "::/") }]);
  const routes = addresses.map((address) => ({ dst: address.includes(":") ? "::/0" : "0.0.0.0/0" }));
  const plugin = { type: "bridge", bridge: "cni0", isGateway: true, mtu, ipam: { type: "host-local", ranges, routes } };
  const file = join(lab.directory, "pods.conflist");
  writeFileSync(file, JSON.stringify({ cniVersion: "1.0.0", name: "pods", plugins: [plugin] }));
  return ["--pod-network", file];
}

/**
 * How QEMU failed at emulating several processors while a guest booted; undefined where it did not. Without KVM it runs them
 * side by side, and now and then ends by an assertion of its own, or its guest stands still: neither says anything of a network.
 */
function failedEmulation(lab: Lab, stderr: string, wait: number): string | undefined {
  const [record] = listVms(lab.state);
  const { cores = 1, sockets = 1, threads = 1 } = record?.vmi.spec.domain.cpu ?? {};
  if (record === undefined || !stderr.includes("(TCG: ") || cores * sockets * threads === 1) return undefined;
  const crash = /crashed or was killed: .*Assertion.*/.exec(stderr)?.[0];
  if (crash !== undefined || wait === 0) return crash;
  return isBooted(join(lab.state.podDirectory(record.id), "console.log")) ? undefined : "the guest stands still";
}

const ATTEMPTS = 3;

/** Starts a case as a person does, in its folder; once more where QEMU's emulation failed. */
export async function startCase(
  lab: Lab,
  machine: TestNetns,
  name: string,
  golden: Golden,
  wait: number,
  attempt = 1,
): Promise<VmStatus> {
  const args = [
    "run",
    "--keep",
    "-o",
    "json",
    "--wait",
    String(wait),
    ...podNetworkArgs(lab, name),
    ...inputArgs(name),
  ];
  const { code, stdout, stderr } = await netbind(args, { cwd: join(CASES, name), env: lab.env, netns: machine.path });
  const failed = attempt < ATTEMPTS ? failedEmulation(lab, stderr, wait) : undefined;
  if (failed !== undefined) {
    console.log(`${name}: ${failed}: it is started again`);
    await netbind(["stop", "--force", ...listVms(lab.state).map((vm) => `${vm.namespace}/${vm.name}`)], {
      env: lab.env,
    });
    return startCase(lab, machine, name, golden, wait, attempt + 1);
  }
  expect(code, `${name}: ${stderr}`).toBe(0);
  // Beside what plan says, a machine says which disks it cannot have, and what it cannot limit.
  const warnings = stderr
    .split("\n")
    .filter((line) =>
      /^(?:netbind: warning: (?!volume "|netbind cannot boot a disk |only rlimits apply)|.*:\d+:\d+: warning: | {4}fix: )/.test(
        line,
      ),
    );
  expect(warnings, name).toEqual(golden.warnings);
  return JSON.parse(stdout) as VmStatus;
}
