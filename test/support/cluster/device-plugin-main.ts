/**
 * A device plugin of one device file, as virt-handler has one for /dev/net/tun: `node device-plugin-main.ts RESOURCE FILE`,
 * in a node's namespaces. A container that asks for the resource gets the file.
 */
import { serveDevicePlugin } from "./device-plugin.ts";

/** A file can be had by so many at once, as virt-handler says. */
const COUNT = 1000;

const [resource = "", file = ""] = process.argv.slice(2);
await serveDevicePlugin({
  resource,
  ids: Array.from({ length: COUNT }, (_, at) => `${at}`),
  allocate: (given) => ({
    devices: given.map(() => ({ container_path: file, host_path: file, permissions: "mrw" })),
  }),
});
console.log("registered");
