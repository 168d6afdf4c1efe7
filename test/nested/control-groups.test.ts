/** Control groups that a machine hands on, as systemd's are: what a VM's parts and a pod's services may take. */
import { describe, expect, test } from "vitest";
import { SERVICE_GROUP } from "@netbind/netns";
import { SIDECAR_MEMORY } from "../support/kube/kube-container.ts";
import type { SeenPod } from "../support/nested/attach-pod.ts";
import { useNestedLab } from "../support/nested/nested-lab.ts";
import { READ_ONLY_GROUPS } from "../support/netns/hidden-groups.ts";
import { limitedVm } from "./limited-vm.ts";

const PAGE = 4096;
/** What the kernel makes of a sidecar's limit: whole pages. */
const SIDECAR_LIMIT = SIDECAR_MEMORY - (SIDECAR_MEMORY % PAGE);
const VM = limitedVm("limited");

const lab = useNestedLab(["limited"], () => Promise.resolve());

describe("the node agent, on a machine with the kubelet's control groups", () => {
  test("a pod's services are in a group of their own below the pod's, are counted as the pod's, and leave nothing; a sidecar does with the memory that KubeVirt gives it", async () => {
    const found = JSON.parse(await lab.machine.sh("attach-pod")) as SeenPod;
    expect(new Set(found.services)).toEqual(new Set(["/netbind-services"]));
    expect(Object.keys(found.groups).sort()).toEqual(["", "netbind-services", "sidecar"]);
    const { "": pod, sidecar, "netbind-services": services } = found.groups;
    expect(pod?.programs).toEqual([]);
    expect(sidecar?.programs).toEqual(["node"]);
    expect(new Set(services?.programs)).toEqual(new Set(["bwrap", "dnsmasq"]));
    expect(services?.memory).toBeGreaterThan(0);
    expect(pod?.memory).toBeGreaterThanOrEqual((sidecar?.memory ?? 0) + (services?.memory ?? 0));
    expect(services?.pids).toBe(services?.programs.length);
    // Beside the pod's own limits they have theirs: a server that a guest took over takes nothing from its launcher.
    expect(services).toMatchObject({ memoryLimit: SERVICE_GROUP.memory, pidsLimit: SERVICE_GROUP.processes });
    expect(pod?.pids).toBe((sidecar?.pids ?? 0) + (services?.pids ?? 0));
    expect(found.left).toEqual([]);
    expect(found.withAgent).toContain("node");
    for (const program of ["bwrap", "dnsmasq"]) expect(found.withAgent).not.toContain(program);
    // The sidecars have what KubeVirt gives one of a guaranteed VM's, and do with it.
    const { domains, sidecar: asked } = found.asked;
    for (const group of [sidecar, asked]) {
      expect(group?.memoryLimit).toBe(SIDECAR_LIMIT);
      expect(group).toMatchObject({ outOfMemory: 0, programs: ["node"] });
    }
    expect(domains.length).toBeGreaterThan(10);
    expect(new Set(domains).size).toBe(1);
    expect(domains[0]).toContain("hostfwd=tcp::80-:80");
    await lab.expectClean();
  });
});

const refused = async (command: string): Promise<string> => {
  const { code, stdout, stderr } = await lab.machine.run(command);
  expect(code, stdout + stderr).toBe(1);
  return stdout + stderr;
};

/** A pod's group on the machine. */
class PodGroup {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  async programs(part: string): Promise<readonly string[]> {
    const script = `for pid in $(cat ${this.path}/${part}/cgroup.procs); do cat /proc/$pid/comm; done`;
    return (await lab.machine.sh(script)).trim().split("\n");
  }

  limits(part: string): Promise<string> {
    return lab.machine.sh(`cd ${this.path}/${part} && cat memory.max pids.max cpu.max`);
  }
}

async function expectLimited(group: PodGroup): Promise<void> {
  expect(await group.programs("launcher")).toEqual(
    expect.arrayContaining(["libvirtd", expect.stringMatching(/^qemu-system/)]),
  );
  expect(new Set(await group.programs("services"))).toEqual(new Set(["bwrap", "dnsmasq"]));
  expect(await group.programs("hook-sidecar-0")).toContain("bwrap");
  expect(await group.limits("hook-sidecar-0")).toBe(`${SIDECAR_LIMIT}\n128\n100000 100000\n`);
  expect(await group.limits("services")).toBe(`${256 * 1024 ** 2}\n512\n100000 100000\n`);
  expect(await group.limits("launcher")).toMatch(/^\d{10}\n4096\n300000 100000\n$/);
}

/** A sidecar that takes too much is ended by the kernel. */
async function expectEnded({ path }: PodGroup): Promise<void> {
  await lab.machine.sh(`
    echo 4M > ${path}/hook-sidecar-0/memory.max
    until grep -q 'oom_kill [1-9]' ${path}/hook-sidecar-0/memory.events; do sleep 0.2; done`);
  const checked = await refused("netbind check");
  expect(checked).toContain("sidecar of binding masquerade does not answer");
  expect(checked).toMatch(
    /hook-sidecar-0: the kernel ended \d+ processes at the limit of 4194304 bytes of memory: set NETBIND_LIMIT_SCALE/,
  );
  await lab.machine.sh(`echo ${SIDECAR_MEMORY} > ${path}/hook-sidecar-0/memory.max`);
}

/** A server that was killed, and cannot be started: its group is full. */
async function expectRefused({ path }: PodGroup): Promise<void> {
  await lab.machine.sh(`
    echo 1 > ${path}/services/pids.max
    for pid in $(cat ${path}/services/cgroup.procs); do [ "$(cat /proc/$pid/comm)" != dnsmasq ] || kill "$pid"; done`);
  expect(await refused("netbind apply limited")).toMatch(
    /services: the kernel refused \d+ processes or threads at the limit of 1: set NETBIND_LIMIT_SCALE/,
  );
  await lab.machine.sh(`echo 512 > ${path}/services/pids.max`);
}

describe("one machine whose control groups hand their controllers on", () => {
  test("a pod's parts are limited each by itself; what ran into a limit is reported with it; nothing is left", async () => {
    await lab.machine.sh("echo '+memory +pids +cpu' > /sys/fs/cgroup/cgroup.subtree_control");
    const { vm, stderr } = await lab.start("limited", VM, 600);
    expect(stderr).not.toContain("only rlimits apply");
    expect(stderr).toContain("starting the guest (KVM)");
    expect(vm.nics[0]?.guestAddresses).toContain("10.0.2.2");
    const group = new PodGroup((await lab.machine.sh("ls -d /sys/fs/cgroup/netbind-*")).trim());
    await expectLimited(group);
    await lab.expectHealthy();
    await expectEnded(group);
    await expectRefused(group);
    // What was repaired is what was not as it should be; the limits that were met stay what the kernel counted.
    const repaired = await lab.machine.sh("netbind apply limited 2>&1");
    expect(repaired).toContain("service dhcp4 k6t-eth0 does not serve");
    expect(repaired).not.toContain("the kernel");
    await lab.expectHealthy();
    await lab.machine.sh("netbind stop --force limited");
    await lab.expectClean();
  });

  test("mounted read-only, they are not used, and run says so; a VM that has groups keeps its record until they can be removed", async () => {
    const readOnly = (script: string): string =>
      `unshare --mount --propagation slave sh -c 'mount -o remount,bind,ro /sys/fs/cgroup && ${script}'`;
    const file = lab.machine.put("limited.yaml", VM);
    const without = await lab.machine.run(
      readOnly(
        `{ netbind run --keep --wait 0 -f ${file} && netbind check; code=$?; netbind stop --force limited; exit $code; }`,
      ),
    );
    expect(without.code, without.stderr).toBe(0);
    expect(without.stderr).toContain(`none limits a VM's memory and processors as a whole: ${READ_ONLY_GROUPS.says}`);
    await lab.expectClean();

    await lab.start("limited", VM, 0);
    const [group = ""] = (await lab.machine.sh("ls -d /sys/fs/cgroup/netbind-*")).trim().split("\n");
    expect(await refused(readOnly("netbind stop --force limited"))).toMatch(
      new RegExp(
        `control group ${group}\\S* cannot be changed: its file system is mounted read-only: mount it read-write`,
      ),
    );
    await lab.machine.sh("netbind stop --force limited");
    await lab.expectClean();
  });

  test("where no user namespace can be made, a VM runs with all of its servers and sidecars, and run says so", async () => {
    const most = (await lab.machine.sh("sysctl -n user.max_user_namespaces")).trim();
    await lab.machine.sh("sysctl -qw user.max_user_namespaces=0");
    const { vm, stderr } = await lab.start("limited", VM, 600);
    expect(stderr).toContain("user.max_user_namespaces is 0: set it to a number above 0");
    expect(vm.nics[0]?.guestAddresses).toContain("10.0.2.2");
    expect(vm.processes.every(({ alive }) => alive)).toBe(true);
    await lab.expectHealthy();
    await lab.machine.sh("netbind stop limited");
    await lab.machine.sh(`sysctl -qw user.max_user_namespaces=${most}`);
    await lab.expectClean();
  });
});
