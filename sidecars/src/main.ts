import { exportedBinding } from "@netbind/contract";
import { serveBinding, serveSidecar } from "./serve.ts";

const USAGE = "usage: sidecar | both | binding SOCKET\n";

/**
 * A sidecar image's entry point. The role is the first argument: `sidecar` beside a VM, `binding` beside the controller
 * or the node agent, `both` on one machine.
 */
export async function main(exported: unknown, args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const binding = exportedBinding(exported);
  const [role = "sidecar", socket] = args;
  if (role === "binding" && socket !== undefined) return serveBinding(binding, socket);
  if (role !== "sidecar" && role !== "both") {
    process.stderr.write(USAGE);
    process.exitCode = 2;
    return;
  }
  await serveSidecar(binding, {
    hooksDirectory: env["NETBIND_HOOKS_DIR"] ?? "/var/run/kubevirt-hooks",
    containerName: env["CONTAINER_NAME"] ?? "hook-sidecar",
    withBinding: role === "both",
  });
}
