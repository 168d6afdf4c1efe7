/**
 * Starts a container that prints "inside", among the mounts and in the user namespace of the caller, and prints what is said
 * of it. Usage: start-container DIRECTORY [ROOTFS]
 */
import { join } from "node:path";
import { SERVICE_LIMITS, startContainer } from "@netbind/netns";

const [directory = "", rootfs = "/"] = process.argv.slice(2);
const container = {
  ...{ uid: 1_900_000_032, gid: 1_900_000_032, inside: 107, rootfs, cwd: "/", limits: SERVICE_LIMITS },
  ...{ args: ["/bin/echo", "inside"], env: [], binds: [] },
};
try {
  await startContainer(container, { directory: join(directory, "container"), logFile: join(directory, "log") });
  process.stdout.write("started");
} catch (error) {
  process.stdout.write(String(error));
}
