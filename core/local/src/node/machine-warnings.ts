import { findGroupBase } from "@netbind/pod";
import { findSandboxWay } from "@netbind/netns";

/**
 * What this machine does not let VMs be shut off and limited by, a sentence each.
 *
 * @throws SandboxError where it lets no sandbox be made, GroupError where the control group that was named cannot be used
 */
export async function machineWarnings(): Promise<readonly string[]> {
  const { way, obstacles } = await findSandboxWay();
  const groups = findGroupBase();
  const sandboxes = `no user namespace can be made here, so DHCP servers have CAP_NET_ADMIN in their pods' networks: ${obstacles.join("; ")}`;
  return [
    ...(way === "no-user-namespace" ? [sandboxes] : []),
    ...("why" in groups
      ? [`only rlimits apply, and none limits a VM's memory and processors as a whole: ${groups.why}`]
      : []),
  ];
}
