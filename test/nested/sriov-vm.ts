/** VMs with virtual functions: a plain one, one of VLAN 100 that its guest may do more with, and one whose link must be up. */

const RESOURCE = "intel.com/sriov_net";

const network = (name: string, config: object): string => `\
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata:
  name: ${name}
  annotations: { k8s.v1.cni.cncf.io/resourceName: ${RESOURCE} }
spec:
  config: '${JSON.stringify({ cniVersion: "1.0.0", name, type: "sriov", ...config })}'
`;

/** What the SR-IOV device plugin is told, and the networks. */
export const SRIOV_NETWORKS = `\
apiVersion: v1
kind: ConfigMap
metadata: { name: sriovdp-config, namespace: kube-system }
data:
  config.json: '${JSON.stringify({
    resourceList: [
      { resourceName: "sriov_net", selectors: { vendors: ["8086"], devices: ["10ca"], pfNames: ["pf0#0-1"] } },
    ],
  })}'
${network("plain", { spoofchk: "on" })}${network("tagged", { vlan: 100, spoofchk: "off", trust: "on" })}${network("forced", { link_state: "enable" })}`;

/** The VM. Its first NIC has a MAC address and a place on the guest's PCI bus of its author's. */
export const sriovVm = (name: string, nics: readonly ("plain" | "tagged" | "forced")[]): string => `\
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: { name: ${name} }
spec:
  domain:
    memory: { guest: 256Mi }
    devices:
      interfaces:
${nics.map((nic) => `        - { name: ${nic}, sriov: {}${nic === "plain" ? ', macAddress: "02:00:00:00:0f:01", pciAddress: "0000:05:00.0"' : ""} }`).join("\n")}
  networks:
${nics.map((nic) => `    - { name: ${nic}, multus: { networkName: ${nic} } }`).join("\n")}
---
`;
