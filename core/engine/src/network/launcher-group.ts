import type { NetworkPlan } from "@netbind/contract";
import type { TapOwner } from "./desired-network.ts";

/** What lets a group send echo requests. */
const PING_GROUPS = "net.ipv4.ping_group_range";
/** The group of KubeVirt's launcher, which a plan names: it knows no other. */
const KUBEVIRT = "107 107";

/** A plan for a pod whose launcher has a group of its own, as on one machine: what is allowed KubeVirt's group is allowed that one. */
export const forLauncherGroup = (plan: NetworkPlan, { gid }: TapOwner): NetworkPlan =>
  plan.sysctls === undefined
    ? plan
    : {
        ...plan,
        sysctls: plan.sysctls.map((sysctl) =>
          sysctl.key === PING_GROUPS && sysctl.value === KUBEVIRT ? { ...sysctl, value: `${gid} ${gid}` } : sysctl,
        ),
      };
