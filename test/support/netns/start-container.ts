/** Starts a container among the mounts and in the user namespace of the caller, and prints what is said of it. Usage: start-container DIRECTORY */
import { join } from "node:path";
import { SERVICE_LIMITS, startContainer } from "@netbind/netns";

const [directory = ""] = process.argv.slice(2);
const container = {
  ...{ uid: 1_900_000_032, gid: 1_900_000_032, inside: 107, rootfs: "/", cwd: "/", limits: SERVICE_LIMITS },
  ...{ args: ["/bin/true"], env: [], binds: [] },
};
try {
  await startContainer(container, { directory: join(directory, "container"), logFile: join(directory, "log") });
  process.stdout.write("started");
} catch (error) {
  process.stdout.write(String(error));
}
