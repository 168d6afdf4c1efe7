import { HeldDirectory, type SidecarLocation } from "@netbind/remote/sidecar";

/** Entries of a sidecar's directory that are looked at: it has two of its own, and its pod may put any number there. */
const MOST_ENTRIES = 64;

/**
 * True where a sidecar shows no hook socket although it was attached: it lost what it received. One that cannot be seen
 * among what its pod put beside it is left alone.
 */
export function isShut({ base, components }: SidecarLocation): boolean {
  using directory = HeldDirectory.open(base, components);
  const entries = directory.entries(MOST_ENTRIES);
  return entries !== undefined && !entries.some(({ name }) => name.endsWith(".sock"));
}
