/** Objects of a cluster's API, as KubeVirt's own components would have made them. */
import { type KubevirtConfiguration, NEWEST_KUBEVIRT, type Vmi } from "@netbind/kubevirt";
import { mergeNeeds } from "@netbind/engine";
import { pluginSidecars, renderPod } from "@netbind/kubevirt/pod";

/** An object as JSON holds it. */
export type KubeObject = Record<string, unknown>;

/** A NIC of a lab's VM on the pod network. */
export interface PodNic {
  readonly name: string;
  readonly binding: string;
  readonly ports?: readonly { readonly port: number; readonly protocol?: string }[];
  readonly portRanges?: readonly { readonly protocol: string; readonly start: number; readonly end: number }[];
  readonly model?: string;
}

const vmiUid = (vm: string): string => `vmi-${vm}`;

const registration = (name: string, rest: object = {}): object => ({
  sidecarImage: `registry.example/netbind-${name}:1`,
  ...rest,
});
const TAP = { domainAttachmentType: "tap" } as const;
const MOVES = { migration: {} } as const;

/** The KubeVirt CR's configuration: this project's bindings as the chart registers them, and two third-party ones. */
export const CONFIGURATION: KubevirtConfiguration = {
  network: {
    binding: {
      masquerade: registration("masquerade", { ...TAP, ...MOVES }),
      bridge: registration("bridge", TAP),
      passt: registration("passt", MOVES),
      slirp: registration("slirp"),
      "lan-tap": registration("lan-tap", TAP),
      somebodys: registration("somebodys"),
    },
  },
};

export const kubevirtObject = (): KubeObject => ({
  apiVersion: "kubevirt.io/v1",
  kind: "KubeVirt",
  metadata: { name: "kubevirt", namespace: "kubevirt" },
  spec: { configuration: CONFIGURATION },
});

export const vmiObject = (vm: string, nics: readonly PodNic[]): KubeObject => ({
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachineInstance",
  metadata: { name: vm, namespace: "default", uid: vmiUid(vm) },
  spec: {
    domain: {
      devices: {
        interfaces: nics.map(({ binding, ...nic }) => ({ ...nic, binding: { name: binding } })),
      },
    },
    networks: nics.map(({ name }) => ({ name, pod: {} })),
  },
  status: { phase: "Scheduling", activePods: {} },
});

/** A launcher pod with the fields that virt-controller, the scheduler and the API server add to what is rendered. */
export function launcherPod(options: {
  readonly uid: string;
  readonly name: string;
  readonly vm: string;
  readonly node: string;
  readonly nics: readonly PodNic[];
}): KubeObject {
  const { uid, name, vm, node, nics } = options;
  const vmi = vmiObject(vm, nics) as unknown as Vmi;
  const rendered = renderPod({
    vmi,
    configuration: CONFIGURATION,
    version: NEWEST_KUBEVIRT,
    sidecars: pluginSidecars(vmi, CONFIGURATION, { policy: "Never", table: {} }).sidecars,
    needs: mergeNeeds([]),
    nads: [],
  }) as unknown as { metadata: KubeObject; spec: KubeObject };
  return {
    apiVersion: "v1",
    kind: "Pod",
    ...rendered,
    metadata: {
      ...rendered.metadata,
      name,
      uid,
      ownerReferences: [
        { apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstance", name: vm, uid: vmiUid(vm), controller: true },
      ],
    },
    spec: { ...rendered.spec, nodeName: node },
    status: { phase: "Running" },
  };
}
