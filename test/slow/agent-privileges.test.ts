/** What the agent's pod may do, and what fails without each part of it: the chart gives it nothing else. */
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type AgentPodSpec,
  agentLog,
  agentSpec,
  agentWarnings,
  replaceAgent,
} from "../support/cluster/agent-objects.ts";
import { recordedPods, removeUnstarted } from "../support/cluster/agent-traces.ts";
import { podNic, vmWith } from "../support/cluster/journey.ts";
import { VmCluster } from "../support/cluster/vm-cluster.ts";

const LONG = { timeout: 300_000 } as const;

interface Need {
  readonly what: string;
  readonly without: (spec: AgentPodSpec) => AgentPodSpec;
  /** What the agent logs then. */
  readonly says: RegExp;
  /** True where it does until a pod ends. */
  readonly atTheEnd?: boolean;
}

type Container = AgentPodSpec["containers"][number];
const withContainer = (spec: AgentPodSpec, change: (container: Container) => Container): AgentPodSpec => ({
  ...spec,
  containers: spec.containers.map(change),
});

const capability = (name: string, says: RegExp, atTheEnd = false): Need => ({
  ...{ what: `the capability ${name}`, says, atTheEnd },
  without: (spec) =>
    withContainer(spec, ({ securityContext, ...container }) => {
      const add = securityContext.capabilities.add.filter((one) => one !== name);
      return { ...container, securityContext: { ...securityContext, capabilities: { drop: ["ALL"], add } } };
    }),
});

const directory = (name: string, says: RegExp): Need => ({
  ...{ what: `the node's directory "${name}"`, says },
  without: ({ volumes, ...spec }) => ({
    ...withContainer(spec as AgentPodSpec, ({ volumeMounts, ...container }) => ({
      ...container,
      volumeMounts: volumeMounts.filter((mount) => mount.name !== name),
    })),
    volumes: volumes.filter((volume) => volume.name !== name),
  }),
});

const NO_SANDBOX = /this machine permits no sandbox for services/;
const CAPABILITIES = [
  capability("SYS_ADMIN", /reassociate to namespace 'ns\/net' failed: Operation not permitted/),
  capability(
    "NET_ADMIN",
    /"message":"ip, sysctl, nft: the pod's network could not be looked at: Operation not permitted/,
  ),
  capability("NET_RAW", /the server ipv6 k6t-eth0 did not start: it ended: setpriv: apply capabilities/),
  capability("SYS_PTRACE", /the network namespace \/proc\/1\/ns\/net cannot be read \(EACCES\)/),
  capability("SETUID", NO_SANDBOX),
  capability("SETGID", NO_SANDBOX),
  capability("SETPCAP", NO_SANDBOX),
  capability("DAC_OVERRIDE", /the server dhcp4 k6t-eth0 did not start: it opened no socket/),
  capability("KILL", /processes [\d, ]+ of pod [-0-9a-f]+ do not end/, true),
];

const NEEDS: readonly Need[] = [
  ...CAPABILITIES,
  directory("pods", /ENOENT[^"]*\/var\/lib\/kubelet|no such directory/),
  directory("state", /\/run\/netbind-agent\/pods cannot be made/),
  {
    what: "the device of taps",
    without: (spec) => withContainer(spec, ({ resources: _, ...container }) => container),
    says: /open: No such file or directory/,
  },
  {
    what: "system calls that the runtime's own filter refuses",
    without: (spec) =>
      withContainer(spec, ({ securityContext, ...container }) => ({
        ...container,
        securityContext: { ...securityContext, seccompProfile: { type: "RuntimeDefault" } },
      })),
    says: NO_SANDBOX,
  },
  {
    what: "the node's PID namespace",
    without: ({ hostPID: _, ...spec }) => spec as AgentPodSpec,
    says: /hostPID/,
  },
];

let cluster: VmCluster;
let whole: AgentPodSpec;
beforeAll(async () => {
  cluster = await VmCluster.up({ purpose: "privileges", bindings: ["masquerade"], nodes: 1 });
  whole = await agentSpec(cluster.api);
});
afterAll(() => cluster[Symbol.asyncDispose]());

const logged = (): Promise<string> => agentLog(cluster.api).catch(() => "");

test("each capability of the agent is tried", () => {
  const [container] = whole.containers;
  expect(container?.securityContext.capabilities.drop).toEqual(["ALL"]);
  const tried = CAPABILITIES.map(({ what }) => what.replace("the capability ", "")).sort();
  expect(container?.securityContext.capabilities.add.toSorted()).toEqual(tried);
  expect(container?.securityContext).not.toHaveProperty("privileged");
});

test.each(NEEDS)("without $what the agent says what fails", LONG, async ({ what, without, says, atTheEnd = false }) => {
  const name = `without-${NEEDS.findIndex((need) => need.what === what)}`;
  await replaceAgent(cluster.api, without(whole));
  const scheduled = await cluster.schedule(vmWith(name, [podNic("masquerade")]));
  const node = cluster.node("node1");
  if (atTheEnd) {
    await expect.poll(() => recordedPods(node), { timeout: 60_000 }).toEqual([scheduled.pod.metadata.uid]);
    await removeUnstarted(cluster, name);
  }
  await expect.poll(logged, { timeout: 120_000, interval: 1000 }).toMatch(says);
  if (!atTheEnd) await removeUnstarted(cluster, name);
});

test("with all of it a VM is attached, nothing is said, and all that the others left is cleaned up", LONG, async () => {
  await replaceAgent(cluster.api, whole);
  const node = cluster.node("node1");
  const vm = await cluster.start(vmWith("whole", [podNic("masquerade")]));
  expect(await agentWarnings(cluster.api)).toEqual([]);
  await expect.poll(() => recordedPods(node), { timeout: 60_000 }).toEqual([vm.scheduled.pod.metadata.uid]);
  await cluster.delete(vm);
  await expect.poll(() => recordedPods(node), { timeout: 60_000 }).toEqual([]);
});
