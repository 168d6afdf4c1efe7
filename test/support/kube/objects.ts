/** Kubernetes objects of tests, as text that -f takes. */

/** Objects as documents of one file. */
export const documents = (...objects: readonly object[]): string =>
  objects.map((object) => JSON.stringify(object)).join("\n---\n");

/** A NetworkAttachmentDefinition with its CNI configuration, and the device plugin's resource that it takes. */
export const nad = (name: string, config: object, resourceName?: string): object => ({
  apiVersion: "k8s.cni.cncf.io/v1",
  kind: "NetworkAttachmentDefinition",
  metadata: {
    name,
    ...(resourceName === undefined ? {} : { annotations: { "k8s.v1.cni.cncf.io/resourceName": resourceName } }),
  },
  spec: { config: JSON.stringify({ cniVersion: "0.3.1", name, ...config }) },
});

/** A VM of the demo guest, whose script may be given; or of what is on a disk of the machine. */
export const vm = (
  name: string,
  options: { readonly interfaces: readonly object[]; readonly networks: readonly object[] } & Record<string, unknown>,
): object => {
  const { interfaces, networks, cores = 1, memory = "256Mi", script, hostDisk, ...devices } = options;
  const disk = { name: "disk", disk: { bus: "virtio" } };
  const volume = [
    ...(script === undefined
      ? []
      : [{ name: "disk", cloudInitNoCloud: { userData: `#!/bin/sh\n${String(script)}\n` } }]),
    ...(hostDisk === undefined ? [] : [{ name: "disk", hostDisk: { path: hostDisk, type: "Disk" } }]),
  ];
  return {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: { name },
    spec: {
      domain: {
        cpu: { cores },
        resources: { requests: { memory } },
        devices: { ...devices, interfaces, ...(volume.length === 0 ? {} : { disks: [disk] }) },
      },
      networks,
      ...(volume.length === 0 ? {} : { volumes: volume }),
    },
  };
};

/** A VM's network that a NetworkAttachmentDefinition makes. */
export const multus = (name: string, networkName = name, replacesPodNetwork = false): object => ({
  name,
  multus: { networkName, ...(replacesPodNetwork ? { default: true } : {}) },
});

/** A KubeVirt CR with these bindings registered. */
export const kubevirt = (binding: object): object => ({
  apiVersion: "kubevirt.io/v1",
  kind: "KubeVirt",
  metadata: { name: "kubevirt", namespace: "kubevirt" },
  spec: { configuration: { network: { binding } } },
});
