import type { Vmi } from "@netbind/kubevirt";
import { expect, test } from "vitest";
import { podLimits } from "../../../core/local/src/pod/pod-groups.ts";

const GIB = 1024 ** 3;
const vmiOf = (memory: string, cores: number, nics: number): Vmi =>
  ({
    ...{ apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstance" },
    metadata: { namespace: "default", name: "one" },
    spec: {
      domain: {
        memory: { guest: memory },
        cpu: { cores },
        devices: { interfaces: Array.from({ length: nics }, (_, at) => ({ name: `n${at}`, masquerade: {} })) },
      },
    },
  }) as Vmi;

test("a launcher may take its guest's memory, what KubeVirt adds to it, and QEMU's own", () => {
  const { launcher } = podLimits(vmiOf("4Gi", 4, 2), 1);
  expect(launcher.memory).toBe(4 * GIB + (4 * GIB) / 512 + 4 * 8 * 1024 ** 2 + 2 * 250 * 1024 ** 2 + 2 * GIB);
  expect(launcher).toMatchObject({ processes: 4096, cpus: 6 });
});

test("a sidecar may take what KubeVirt gives a guaranteed VM's, and a pod what its parts may take", () => {
  const { pod, launcher, sidecar, services } = podLimits(vmiOf("256Mi", 1, 1), 3);
  expect(sidecar.memory).toBe(64_000_000);
  for (const what of ["memory", "processes", "cpus"] as const)
    expect(pod[what]).toBe(launcher[what] + services[what] + 3 * sidecar[what]);
});
