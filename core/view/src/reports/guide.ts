import type { RuleText } from "@netbind/kubevirt/admission";

/** KubeVirt's user guide: the one public page about what a rule is of. */
const GUIDE = "https://kubevirt.io/user-guide/";
/** Its page on the subject of most rules. */
const NETWORKS = "network/interfaces_and_networks/";
const PLUGINS = "network/network_binding_plugins/";

/** Its other pages, by the family of a rule: what its id begins with. */
export const PAGES: Readonly<Record<string, string>> = {
  ADMIT: PLUGINS,
  BINDING: PLUGINS,
  CLONE: "storage/clone_api/",
  CLOUD: "user_workloads/startup_scripts/",
  DISC: PLUGINS,
  DISK: "storage/disks_and_volumes/",
  DNS: "network/dns/",
  DRA: "network/dra_sriov/",
  FG: PLUGINS,
  GRANTS: PLUGINS,
  HOST: "storage/disks_and_volumes/",
  MACVTAP: "network/net_binding_plugins/macvtap/",
  MESH: "network/istio_service_mesh/",
  MIG: "compute/live_migration/",
  PASST: "network/net_binding_plugins/passt/",
  PLUGIN: PLUGINS,
  PROBE: "user_workloads/liveness_and_readiness_probes/",
  REG: PLUGINS,
  VOL: "storage/disks_and_volumes/",
};

/** The page of KubeVirt's user guide on a rule's subject. */
export function guideOf({ id }: Pick<RuleText, "id">): string {
  const [family = ""] = id.split("-");
  return `${GUIDE}${Object.hasOwn(PAGES, family) ? PAGES[family] : NETWORKS}`;
}
