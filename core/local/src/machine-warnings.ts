import { findSandboxWay } from "@netbind/netns";

/** What this machine does not let VMs be shut off by, a sentence each. @throws SandboxError where it lets no sandbox be made */
export async function machineWarnings(): Promise<readonly string[]> {
  const { way, obstacles } = await findSandboxWay();
  return way === "no-user-namespace"
    ? [
        `no user namespace can be made here, so DHCP servers have CAP_NET_ADMIN over their pods' networks, and sidecars share the machine's user namespace: ${obstacles.join("; ")}`,
      ]
    : [];
}
