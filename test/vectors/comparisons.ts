import { admission } from "./admission.ts";
import { defaulting } from "./defaulting.ts";
import { migratable, migrationEvaluator, restart, vmiStatus } from "./migration.ts";
import { fakeBridgeIp, mac, masqueradeAddrs, names, namescheme } from "./names.ts";
import { annotations, annotationsActivePod, annotationsFromSource, memoryOverhead, multus, networkToResource, sidecars } from "./pod.ts";
import type { Comparison } from "./vector.ts";

/** How each kind of vector is compared. */
export const COMPARISONS = {
  admission,
  annotations,
  annotationsActivePod,
  annotationsFromSource,
  defaulting,
  fakeBridgeIP: fakeBridgeIp,
  mac,
  masqueradeAddrs,
  memoryOverhead,
  migratable,
  migrationEvaluator,
  multus,
  names,
  namescheme,
  networkToResource,
  restartRequired: restart,
  sidecars,
  vmiStatus,
} as unknown as Readonly<Record<string, Comparison>>;
