import { defined, type Needs } from "@netbind/contract";
import type { binding as bindingWire } from "@netbind/proto";

/** What a binding needs, for the wire. */
export const needsToWire = ({ compute, pod, sidecar }: Needs): bindingWire.NeedsResponse => {
  const number = (value: number | undefined): bigint | undefined => (value === undefined ? undefined : BigInt(value));
  return {
    compute: compute && {
      capabilities: compute.capabilities ?? [],
      devices: compute.devices ?? {},
      memoryOverheadBytes: number(compute.memoryOverheadBytes),
    },
    pod: pod && { annotations: pod.annotations ?? {} },
    sidecar: sidecar && { memoryBytes: number(sidecar.memoryBytes), cpuMillis: sidecar.cpuMillis },
  };
};

/** What crossed the wire of what a binding needs. */
export function needsFromWire({ compute, pod, sidecar }: bindingWire.NeedsResponse): Needs {
  const number = (value: bigint | undefined): number | undefined => (value === undefined ? undefined : Number(value));
  return defined({
    compute: compute && defined({ ...compute, memoryOverheadBytes: number(compute.memoryOverheadBytes) }),
    pod,
    sidecar: sidecar && defined({ memoryBytes: number(sidecar.memoryBytes), cpuMillis: sidecar.cpuMillis }),
  });
}
