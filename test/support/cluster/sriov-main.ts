/**
 * Plays the SR-IOV device plugin: `node sriov-main.ts RESOURCE ADDRESS`, in a node's namespaces. Its one device is a virtual
 * function in words alone, since no NIC of this machine has any: the container gets the variables and a file in the place
 * of the function's group, and multus the description.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { deviceInfoVariable, deviceVariable } from "@netbind/kubevirt/pod";
import { serveDevicePlugin } from "./device-plugin.ts";

/** Where multus looks for what is known of a device. */
const DESCRIPTIONS = "/var/run/k8s.cni.cncf.io/devinfo/dp";
const VFIO = { container_path: "/dev/vfio/vfio", host_path: "/dev/null", permissions: "mrw" } as const;

const [resource = "", address = ""] = process.argv.slice(2);
const description = { type: "pci", version: "1.1.0", pci: { "pci-address": address } };
mkdirSync(DESCRIPTIONS, { recursive: true });
const file = `${DESCRIPTIONS}/${resource.replaceAll("/", "-")}-${address}-device.json`;
writeFileSync(file, JSON.stringify(description));

await serveDevicePlugin({
  resource,
  ids: [address],
  allocate: (given) => ({
    devices: [VFIO],
    envs: {
      [deviceVariable(resource)]: given.join(","),
      [deviceInfoVariable(resource)]: JSON.stringify({ [address]: { generic: { deviceID: address } } }),
    },
  }),
});
console.log("registered");
