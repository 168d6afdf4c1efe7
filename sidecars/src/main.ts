import { exportedBinding } from "@netbind/contract";
import { holdSidecar } from "./hold.ts";
import { HOOKS_DIRECTORY } from "./places.ts";

const USAGE = "usage: sidecar | both | hold | binding SOCKET\n";

/**
 * A sidecar's entry point. The role is the first argument: `sidecar` beside a VM, `hold` the same in an image, which has
 * `woken` started; `binding` beside the controller or the node agent, `both` on one machine.
 */
export async function main(exported: unknown, args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const binding = exportedBinding(exported);
  const [role = "sidecar", socket] = args;
  const containerName = env["CONTAINER_NAME"] ?? "hook-sidecar";
  if (role === "hold") return holdSidecar(binding, containerName);
  if (role === "woken") return (await import("./held.ts")).serveWoken(binding, containerName);
  const { serveBinding, serveSidecar } = await import("./serve.ts");
  if (role === "binding" && socket !== undefined) return serveBinding(binding, socket);
  if (role !== "sidecar" && role !== "both") {
    process.stderr.write(USAGE);
    process.exitCode = 2;
    return;
  }
  const hooksDirectory = env["NETBIND_HOOKS_DIR"] ?? HOOKS_DIRECTORY;
  await serveSidecar(binding, { hooksDirectory, containerName, withBinding: role === "both" });
}
