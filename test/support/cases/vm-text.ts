/** A VirtualMachine as a text, whose interfaces stand in line 10. */
export const vmText = (
  interfaces: string,
  networks = "[{name: default, pod: {}}]",
  annotations = "{}",
): string => `apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: vm}
spec:
  template:
    metadata: {annotations: ${annotations}}
    spec:
      domain:
        devices:
          interfaces: ${interfaces}
      networks: ${networks}
`;
/** A KubeVirt CR that registers two plugins. */
export const KUBEVIRT = `apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata: {name: kubevirt}
spec:
  configuration:
    imagePullPolicy: Always
    network:
      binding:
        passt: {sidecarImage: "r/passt:1", migration: {}, computeResourceOverhead: {requests: {memory: 250Mi}}}
        info: {sidecarImage: "r/info:1", downwardAPI: device-info}
`;
