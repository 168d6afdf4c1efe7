/**
 * Plays the device plugin of macvtap-cni: `node macvtap-main.ts RESOURCE LOWER`, in a node's namespaces. A device is a
 * macvtap on the link LOWER, made when a container is given it; its CNI plugin moves it into the pod.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { type DeviceFile, serveDevicePlugin } from "./device-plugin.ts";

const COUNT = 10;
/** A pod has no link of such an index, so that a macvtap keeps its own there: its file is named after it. */
const FIRST_INDEX = 10_000;
const FILES = "/run/macvtap";

const [resource = "", lower = ""] = process.argv.slice(2);
mkdirSync(FILES, { recursive: true });

/** Makes a macvtap, and the file that its packets are read from and written to. */
function allocate(id: string): DeviceFile {
  const index = FIRST_INDEX + Number(id.slice(id.lastIndexOf("v") + 1));
  const link = `/sys/class/net/${id}`;
  if (!existsSync(link))
    execFileSync("ip", [
      "link",
      "add",
      "link",
      lower,
      "name",
      id,
      "index",
      `${index}`,
      "type",
      "macvtap",
      "mode",
      "bridge",
    ]);
  const [name = ""] = readdirSync(`${link}/macvtap`);
  const [major = "", minor = ""] = readFileSync(`${link}/macvtap/${name}/dev`, "utf8").trim().split(":");
  const file = `${FILES}/${id}`;
  execFileSync("sh", ["-c", 'rm -f "$1" && mknod -m 666 "$1" c "$2" "$3"', "sh", file, major, minor]);
  return { container_path: `/dev/tap${index}`, host_path: file, permissions: "mrw" };
}

await serveDevicePlugin({
  resource,
  ids: Array.from({ length: COUNT }, (_, at) => `${lower}v${at}`),
  allocate: (given) => ({ devices: given.map(allocate) }),
});
console.log("registered");
