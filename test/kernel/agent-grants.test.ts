/** What plans may do follows the cluster's NetworkBindings: given late, given wrong, put right, and taken away again. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { defineBinding } from "@netbind/contract";
import { addBinding, listenUnix, makeServer } from "@netbind/remote/sidecar";
import { waitUntil } from "@netbind/netns";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundlePlugin } from "../support/build/bundle.ts";
import { KubeNode } from "../support/kube/kube-node.ts";
import { hookSocketsOf, type LabPod } from "../support/kube/lab-pod.ts";

const PLAN = { domain: { kind: "userNetwork", network: "10.0.2.0/24", search: [], forward: [] } } as const;
const theirs = defineBinding({ name: "somebodys", contract: "v1alpha1", migration: "none", plan: () => PLAN });

let node: KubeNode;
const server = makeServer();
beforeAll(async () => {
  node = await KubeNode.make();
  mkdirSync(join(node.directory, "bindings/somebodys"), { recursive: true });
  addBinding(server, theirs);
  await listenUnix(server, join(node.directory, "bindings/somebodys/binding.sock"));
  node.agent.start(["--bindings", join(node.directory, "bindings")]);
});
afterAll(async () => {
  server.forceShutdown();
  await node[Symbol.asyncDispose]();
});

const file = (name: string): string => `networkbinding-${name}.json`;
/** What the cluster's administrator says of a binding. */
const grant = (name: string, grants: unknown): void =>
  node.api.write(file(name), {
    ...{ apiVersion: "netbind.dev/v1alpha1", kind: "NetworkBinding" },
    metadata: { name, uid: name },
    spec: { grants },
  });
const nics = (binding: string): readonly [{ readonly name: string; readonly binding: string }] => [
  { name: "red", binding },
];

test("a third-party binding gets what its NetworkBinding says, and its pod is attached once that is right", async () => {
  const slirp = await node.pod({ vm: "g-own", nics: nics("slirp") });
  await node.attached(slirp);
  // Their sidecar patches a domain as any does: its bundle is one that is there.
  const bundle = (name: string): string => join(node.directory, `rootfs/netbind/${name}.mjs`);
  copyFileSync(bundle("slirp"), bundle("somebodys"));
  const pod = await node.pod({ vm: "g-theirs", nics: nics("somebodys") });
  expect(await node.agent.reported(pod, "PLAN_OUT_OF_BOUNDS")).toContain('"userNetwork" are not granted');
  await node.removePod(pod);
  grant("somebodys", { domainKinds: ["disk"], sysctls: ["kernel.pid_max"] });
  const wrong = await node.pod({ vm: "g-wrong", nics: nics("somebodys") });
  const said = await node.agent.reported(wrong, "GRANTS_INVALID");
  expect(said).toContain('NetworkBinding "somebodys" does not grant anything: spec.grants.domainKinds[0]: "disk"');
  expect(said).toContain("spec.grants.sysctls[0]: ");
  expect(hookSocketsOf(wrong)).toEqual([]);
  // It costs this binding's pods alone.
  const other = await node.pod({ vm: "g-other", nics: nics("slirp") });
  await node.attached(other);
  grant("somebodys", { domainKinds: ["userNetwork"] });
  await node.attached(wrong);
});

test("a NetworkBinding of this release's that gives no grants leaves them, and one that does replaces them", async () => {
  node.api.write(file("slirp"), { kind: "NetworkBinding", metadata: { name: "slirp" }, spec: { fallback: "Always" } });
  const before = await node.pod({ vm: "g-before", nics: nics("slirp") });
  await node.attached(before);
  grant("slirp", { domainKinds: ["tap"] });
  const after = await node.pod({ vm: "g-after", nics: nics("slirp") });
  expect(await node.agent.reported(after, "PLAN_OUT_OF_BOUNDS")).toContain('"userNetwork" are not granted');
  // What is attached stays as it is recorded.
  expect(node.agent.reasons(before)).toEqual(["ATTACHED"]);
  rmSync(join(node.api.directory, file("slirp")));
  await node.attached(after);
});

test("a third-party process is asked Admit, Needs and Plan, and its pod is attached by what it plans", async () => {
  const bundle = bundlePlugin("picky", node.directory).slice("picky=".length);
  // The same file is its sidecar.
  copyFileSync(bundle, join(node.directory, "rootfs/netbind/lan-tap.mjs"));
  const place = join(node.directory, "bindings/lan-tap");
  mkdirSync(place);
  const planner = spawn(process.execPath, [bundle, "binding", join(place, "binding.sock")], { stdio: "ignore" });
  try {
    const podOf = (vm: string, name: string): Promise<LabPod> => node.pod({ vm, nics: [{ name, binding: "lan-tap" }] });
    const refused = await podOf("g-admit", "refused");
    expect(await node.agent.reported(refused, "POD_REFUSED")).toContain("interfaces[0].model: ");
    const needing = await podOf("g-needs", "needs-device");
    const ungranted = await node.agent.reported(needing, "POD_REFUSED");
    expect(ungranted).toContain('the resource "example.com/fpga", which is not granted');
    expect(ungranted).toContain('the annotation "example.com/asked", which is not granted');
    grant("lan-tap", { devices: ["example.com/fpga"], annotations: ["example.com/asked"] });
    const isUnmet = (): boolean =>
      node.agent.reports(needing).some(({ message }) => message.includes('needs 1 of the resource "example.com/fpga"'));
    expect(await waitUntil(isUnmet, 20_000), node.agent.log).toBe(true);
    const pod = await podOf("g-plan", "red");
    await node.attached(pod);
    expect(await pod.exec(["ip", "link", "show", "tap0"])).toContain("master k6t-eth0");
    // Away, it costs those that come; what is attached needs it no more.
    const ended = once(planner, "exit");
    planner.kill("SIGKILL");
    await ended;
    const late = await podOf("g-late", "red");
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect([hookSocketsOf(late), node.agent.reasons(pod)]).toEqual([[], ["ATTACHED"]]);
    // The next agent keeps it by its record, although nobody answers for it.
    await node.agent.stop();
    await pod.exec(["ip", "link", "set", "tap0", "nomaster"]);
    node.agent.start(["--bindings", join(node.directory, "bindings")]);
    expect(await node.agent.reported(pod, "REPAIRED")).toContain("network of NIC red");
    expect(await pod.exec(["ip", "link", "show", "tap0"])).toContain("master k6t-eth0");
    expect(hookSocketsOf(late)).toEqual([]);
  } finally {
    planner.kill("SIGKILL");
  }
});
