/** A VM with a server, a sidecar and a disk that is made from its data. */
export const limitedVm = (name: string): string => `\
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: { name: ${name} }
spec:
  domain:
    memory: { guest: 192Mi }
    devices:
      disks: [{ name: data, disk: { bus: virtio } }]
      interfaces: [{ name: red, masquerade: {} }]
  networks: [{ name: red, pod: {} }]
  volumes: [{ name: data, cloudInitNoCloud: { userData: "#!/bin/sh\\ntrue\\n" } }]
`;
