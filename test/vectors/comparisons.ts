import { admission } from "./admission.ts";
import { defaulting } from "./defaulting.ts";
import { domain } from "./domain.ts";
import { domainXml } from "./hooks.ts";
import { passt } from "./passt-hook.ts";
import { slirp } from "./slirp-hook.ts";
import { dhcp, dhcpv6, dns } from "./resolver.ts";
import { migratable, migrationEvaluator, restart, vmiStatus } from "./migration.ts";
import { fakeBridgeIp, mac, masqueradeAddrs, names, namescheme } from "./names.ts";
import { netpod } from "./netpod.ts";
import {
  annotations,
  annotationsActivePod,
  annotationsFromSource,
  memoryOverhead,
  multus,
  networkToResource,
  sidecars,
} from "./pod.ts";
import type { Comparison } from "./vector.ts";

/** How each kind of vector is compared. */
export const COMPARISONS = {
  admission,
  annotations,
  annotationsActivePod,
  annotationsFromSource,
  defaulting,
  dhcp,
  dhcpv6,
  dns,
  domain,
  domainXML: domainXml,
  fakeBridgeIP: fakeBridgeIp,
  mac,
  masqueradeAddrs,
  memoryOverhead,
  migratable,
  migrationEvaluator,
  multus,
  names,
  namescheme,
  netpod,
  networkToResource,
  passt,
  passt12: passt,
  restartRequired: restart,
  sidecars,
  slirp,
  vmiStatus,
} as unknown as Readonly<Record<string, Comparison>>;
