import type { GuestSetup, Surroundings } from "@netbind/kubevirt/admission";
import type {
  KubevirtConfiguration,
  KubevirtMinor,
  NetworkAttachmentDefinition,
  Vmi,
  VmiInterface,
  VmiNetwork,
} from "@netbind/kubevirt";

/** A VM on the pod network, changed, and the cluster that it goes to. */
export interface Broken {
  /** The first interface, `n0`, on the pod network unless `networks` says otherwise. */
  readonly nic?: Partial<VmiInterface>;
  readonly interfaces?: readonly VmiInterface[];
  readonly networks?: readonly VmiNetwork[];
  readonly spec?: Partial<Vmi["spec"]>;
  readonly metadata?: Partial<Vmi["metadata"]>;
  readonly configuration?: KubevirtConfiguration;
  readonly version?: KubevirtMinor;
  readonly nads?: readonly NetworkAttachmentDefinition[];
  /** What the plugin `p` says of migration. Absent: nobody can ask it. */
  readonly described?: "none" | "supported";
  readonly surroundings?: Surroundings;
  /** Where it is told. */
  readonly at: string;
}

export const I = "spec.domain.devices.interfaces";
export const POD: VmiNetwork = { name: "n0", pod: {} };
export const MULTUS: VmiNetwork = { name: "n0", multus: { networkName: "a" } };
export const CLAIM: VmiNetwork = { name: "n0", resourceClaim: { claimName: "c", requestName: "r" } };
export const gates = (...featureGates: readonly string[]): KubevirtConfiguration => ({
  developerConfiguration: { featureGates },
});
export const DRA = gates("NetworkDevicesWithDRA");
export const RANGES = gates("PortRangesSpec");
export const register = (plugin: object): KubevirtConfiguration => ({ network: { binding: { p: plugin } } });
export const PLUGIN: Partial<VmiInterface> = { masquerade: undefined as never, binding: { name: "p" } };
export const only = (method: Partial<VmiInterface>): Partial<VmiInterface> => ({
  masquerade: undefined as never,
  ...method,
});
export const range = (
  start: number,
  end: number,
  protocol = "TCP",
): { protocol: string; start: number; end: number } => ({
  protocol,
  start,
  end,
});
export const nad = (name: string, type: string): NetworkAttachmentDefinition => ({
  metadata: { name, namespace: "ns" },
  spec: { config: JSON.stringify({ plugins: [{ type: "tuning" }, { type }] }) },
});
/** A definition of one CNI plugin, without IPAM unless `rest` has it. */
export const layer2 = (type: string, rest: object = {}): NetworkAttachmentDefinition => ({
  metadata: { name: "a", namespace: "ns" },
  spec: { config: JSON.stringify({ cniVersion: "1.0.0", type, ipam: {}, ...rest }) },
});
export const withResource = (
  definition: NetworkAttachmentDefinition,
  resource: string,
): NetworkAttachmentDefinition => ({
  ...definition,
  metadata: { ...definition.metadata, annotations: { "k8s.v1.cni.cncf.io/resourceName": resource } },
});
/** A cloud-init volume, and what it says. */
export const cloudInit = (networkData: unknown, userData = ""): Pick<Broken, "spec" | "surroundings"> => ({
  spec: { volumes: [{ name: "c", cloudInitNoCloud: { networkData: "..." } }] },
  surroundings: { guestSetupOf: (): GuestSetup => ({ networkData, userData }) },
});
export const ethernets = (entries: object): object => ({ version: 2, ethernets: entries });
export const NETWORK_DATA = "spec.volumes[0].cloudInitNoCloud.networkData";
export const SSH = { ports: [{ name: "ssh", port: 22 }] };
export const WEB = {
  namespace: "ns",
  name: "web",
  selector: { app: "web" },
  ports: [{ protocol: "TCP", targetPort: 8080 }],
};
export const second = (nic: Partial<VmiInterface> = {}): readonly VmiInterface[] => [
  { name: "n0", masquerade: {} },
  { name: "n1", bridge: {}, ...nic },
];
