/** VMs on a nested machine that a file of tests has for itself. */
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { NestedMachine, type NestedOutcome } from "./nested-machine.ts";

/** All that a VM could leave. Processes end while they are listed: one command reads them all, whichever fail. */
const STATE = `
  [ ! -e /sys/class/net/pf0 ] || ip link show dev pf0 | grep 'vf '
  for vf in /sys/bus/pci/devices/0000:01:10.*; do
    [ ! -e "$vf" ] || echo "$vf $(readlink $vf/driver) $(cat $vf/driver_override)"
  done
  find /dev/vfio /run/netbind/vms -mindepth 1 -not -name vfio 2> /dev/null || true
  find /sys/fs/cgroup -name 'netbind-*' || true
  ip netns list | sort
  ip -brief link | awk '{ print $1, $3 }' | sort
  grep -v netns /proc/self/mounts | sort
  cat /proc/[0-9]*/comm 2> /dev/null | grep -E '^(qemu|libvirtd|bwrap|dnsmasq|passt)' | sort`;

const BOOTED = `
  for try in $(seq 600); do grep -q 'netbind-guest: ready' /run/netbind/vms/*/console.log && exit 0; sleep 0.5; done
  tail -n 20 /run/netbind/vms/*/console.log >&2; exit 1`;

/** What `netbind run -o json` reports of a VM, as far as tests read it. */
export interface NestedVm {
  readonly netns: string;
  readonly nics: readonly {
    readonly name: string;
    readonly mac: string;
    readonly guestAddresses: readonly string[];
  }[];
  readonly processes: readonly { readonly alive: boolean }[];
}

export interface NestedLab {
  readonly machine: NestedMachine;
  /** Starts a VM that stays, and gives what `run` reports; `wait`: seconds for the guest's address. */
  start(name: string, documents: string, wait: number): Promise<{ readonly vm: NestedVm; readonly stderr: string }>;
  /** Runs a command that must succeed in the one VM's guest, once that is up. */
  booted(): Promise<void>;
  /** The domain of the one VM that is there. */
  definedXml(): Promise<string>;
  /** Sees that the VMs are as their records say. */
  expectHealthy(): Promise<void>;
  /** Sees that the machine is as it was before the first VM. */
  expectClean(): Promise<void>;
}

/** True where an address answers from a network namespace of the machine: what is slow gets time. */
export async function answers(machine: NestedMachine, netns: string, address: string): Promise<boolean> {
  const ping = `ip netns exec ${netns} ping -n -q -c 2 -i 0.5 -W 3 -w 10 ${address}`;
  return (await machine.run(`for try in $(seq 12); do ${ping} && exit 0; done; exit 1`)).code === 0;
}

/** True where no answer comes in some seconds. It proves something only beside `answers`. */
export async function isSilent(machine: NestedMachine, netns: string, address: string): Promise<boolean> {
  return (await machine.run(`ip netns exec ${netns} ping -n -q -c 2 -W 3 -w 10 ${address}`)).code !== 0;
}

/** Boots a machine for the tests of a file, and sets it up by a script. A test that failed leaves none of `vms`. */
export function useNestedLab(vms: readonly string[], setUp: (machine: NestedMachine) => Promise<unknown>): NestedLab {
  let machine: NestedMachine;
  let before: string;
  beforeAll(async () => {
    machine = await NestedMachine.start();
    await setUp(machine);
    before = await machine.sh(STATE);
  });
  afterEach(async ({ task }) => {
    if (task.result?.state !== "fail") return;
    const stopped = vms.map((vm) => `netbind stop --force ${vm}`);
    await machine.run([...stopped, "netbind gc", "ip netns delete netbind-node"].join("\n"));
  });
  afterAll(async () => {
    await machine?.[Symbol.asyncDispose]();
  });
  return {
    get machine() {
      return machine;
    },
    start: async (name, documents, wait) => {
      const file = machine.put(`${name}.yaml`, documents);
      const { code, stdout, stderr }: NestedOutcome = await machine.run(
        `netbind run --keep -o json --wait ${wait} -f ${file}`,
      );
      expect(code, stderr).toBe(0);
      return { vm: JSON.parse(stdout) as NestedVm, stderr };
    },
    booted: async () => {
      await machine.sh(BOOTED);
    },
    definedXml: async () => JSON.parse(await machine.sh("cat /run/netbind/vms/*/record.json")).domainXml,
    expectHealthy: async () => {
      const { code, stdout, stderr } = await machine.run("netbind check");
      expect(code, stdout + stderr).toBe(0);
    },
    expectClean: async () => expect(await machine.sh(STATE)).toBe(before),
  };
}
