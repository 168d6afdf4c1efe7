import type { Needs } from "@netbind/contract";

/** What a pod must have for all of a VM's NICs: annotations joined, devices and memory added up, capabilities once. */
export function mergeNeeds(needs: readonly Needs[]): Required<Pick<Needs, "compute" | "pod">> {
  const devices: Record<string, number> = {};
  for (const need of needs)
    for (const [name, count] of Object.entries(need.compute?.devices ?? {}))
      devices[name] = (devices[name] ?? 0) + count;
  return {
    compute: {
      capabilities: [...new Set(needs.flatMap((need) => need.compute?.capabilities ?? []))].sort(),
      devices,
      memoryOverheadBytes: needs.reduce((sum, need) => sum + (need.compute?.memoryOverheadBytes ?? 0), 0),
    },
    pod: {
      annotations: Object.assign({}, ...needs.map((need) => need.pod?.annotations ?? {})) as Record<string, string>,
    },
  };
}
