/**
 * The parts of KubeVirt's API that networking reads, as they stand after the input's shape was checked.
 * Field names and meanings: KubeVirt v1 `VirtualMachineInstanceSpec`, `Interface`, `Network`, `KubeVirtConfiguration`.
 */

export interface ObjectMeta {
  readonly name: string;
  /** The beginning of a name of which the cluster draws the end. */
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface VmiPort {
  readonly name?: string;
  readonly protocol?: string;
  readonly port: number;
}

export interface VmiDhcpOptions {
  readonly bootFileName?: string;
  readonly tftpServerName?: string;
  readonly ntpServers?: readonly string[];
  readonly privateOptions?: readonly { readonly option: number; readonly value: string }[];
}

export interface VmiInterface {
  readonly name: string;
  readonly model?: string;
  readonly bridge?: object;
  readonly masquerade?: object;
  readonly sriov?: object;
  readonly slirp?: object;
  readonly macvtap?: object;
  readonly passt?: object;
  readonly passtBinding?: object;
  readonly binding?: { readonly name: string };
  readonly ports?: readonly VmiPort[];
  readonly portRanges?: readonly { readonly protocol?: string; readonly start: number; readonly end: number }[];
  readonly macAddress?: string;
  readonly bootOrder?: number;
  readonly pciAddress?: string;
  readonly dhcpOptions?: VmiDhcpOptions;
  readonly tag?: string;
  readonly acpiIndex?: number;
  readonly state?: string;
}

export interface VmiNetwork {
  readonly name: string;
  readonly pod?: { readonly vmNetworkCIDR?: string; readonly vmIPv6NetworkCIDR?: string };
  readonly multus?: { readonly networkName: string; readonly default?: boolean };
  readonly resourceClaim?: { readonly claimName?: string; readonly requestName?: string };
}

export interface VmiDisk {
  readonly name: string;
  readonly bootOrder?: number;
  readonly serial?: string;
  readonly disk?: { readonly bus?: string; readonly readonly?: boolean };
  readonly cdrom?: { readonly bus?: string };
  readonly lun?: { readonly bus?: string };
}

export interface CloudInitSource {
  readonly userData?: string;
  readonly userDataBase64?: string;
  readonly secretRef?: { readonly name: string };
  readonly networkData?: string;
  readonly networkDataBase64?: string;
  readonly networkDataSecretRef?: { readonly name: string };
}

/** One of `spec.volumes[]`: its name and exactly one source, of which only these are looked into. */
export interface VmiVolume {
  readonly name: string;
  readonly cloudInitNoCloud?: CloudInitSource;
  readonly cloudInitConfigDrive?: CloudInitSource;
  readonly hostDisk?: { readonly path: string; readonly type?: string; readonly capacity?: string };
  readonly containerDisk?: {
    readonly image: string;
    readonly path?: string;
    readonly imagePullPolicy?: string;
    /** A Secret of type kubernetes.io/dockerconfigjson in the VM's namespace. */
    readonly imagePullSecret?: string;
  };
  readonly configMap?: { readonly name: string };
  readonly secret?: { readonly secretName: string };
}

export interface VmiSpec {
  readonly domain: {
    readonly cpu?: {
      readonly cores?: number;
      readonly sockets?: number;
      readonly threads?: number;
      readonly model?: string;
      readonly dedicatedCpuPlacement?: boolean;
    };
    readonly memory?: { readonly guest?: string };
    readonly resources?: {
      readonly requests?: Readonly<Record<string, string | number>>;
      readonly limits?: Readonly<Record<string, string | number>>;
    };
    readonly devices: {
      readonly interfaces?: readonly VmiInterface[];
      readonly disks?: readonly VmiDisk[];
      readonly autoattachPodInterface?: boolean;
      readonly networkInterfaceMultiqueue?: boolean;
      readonly useVirtioTransitional?: boolean;
      readonly gpus?: readonly ClaimedDevice[];
      readonly hostDevices?: readonly ClaimedDevice[];
    };
    readonly launchSecurity?: object;
  };
  readonly networks?: readonly VmiNetwork[];
  readonly volumes?: readonly VmiVolume[];
  readonly hostname?: string;
  readonly subdomain?: string;
  readonly dnsPolicy?: string;
  readonly dnsConfig?: {
    readonly nameservers?: readonly string[];
    readonly searches?: readonly string[];
    readonly options?: readonly { readonly name: string; readonly value?: string }[];
  };
  readonly terminationGracePeriodSeconds?: number;
  readonly readinessProbe?: VmiProbe;
  readonly livenessProbe?: VmiProbe;
  readonly resourceClaims?: readonly ResourceClaim[];
}

/** What the kubelet asks a VM by the pod's address; types of the values are not checked. */
export interface VmiProbe {
  readonly httpGet?: ProbedPort;
  readonly tcpSocket?: ProbedPort;
}

/** A port that is asked: a number, or a port's name in the pod. */
export interface ProbedPort {
  readonly port?: number | string;
  /** Another address than the pod's. */
  readonly host?: string;
}

/** A claim of devices (DRA), which a pod of the VM gets as it stands. */
export interface ResourceClaim {
  readonly name?: string;
  readonly resourceClaimName?: string;
  readonly resourceClaimTemplateName?: string;
}

/** A GPU or another device of the host, which may be a claimed one. */
export interface ClaimedDevice {
  readonly claimName?: string;
  readonly requestName?: string;
}

export interface Vmi {
  readonly apiVersion: string;
  readonly kind: "VirtualMachineInstance";
  readonly metadata: ObjectMeta & { readonly namespace: string };
  readonly spec: VmiSpec;
  readonly status?: VmiStatus;
}

/** One entry of `status.interfaces`. */
export interface VmiStatusInterface {
  readonly name?: string;
  readonly mac?: string;
  readonly ipAddress?: string;
  readonly ipAddresses?: readonly string[];
  readonly interfaceName?: string;
  readonly podInterfaceName?: string;
  /** Of `domain`, `guest-agent`, `multus-status`, joined with a comma and a space. */
  readonly infoSource?: string;
  readonly queueCount?: number;
  readonly linkState?: string;
}

export interface VmiStatus {
  readonly interfaces?: readonly VmiStatusInterface[];
  readonly migrationTransport?: string;
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason?: string;
    readonly message?: string;
    readonly lastTransitionTime?: string | null;
  }[];
}

/** A VirtualMachineClone: MAC addresses by interface. */
export interface VmiClone {
  readonly spec: { readonly newMacAddresses?: Readonly<Record<string, string>> };
}

/** A VirtualMachineInstanceMigration. */
export interface VmiMigration {
  readonly metadata?: { readonly namespace?: string };
  readonly spec: { readonly vmiName: string };
}

/** A VirtualMachine, of which only the template is looked at. */
export interface Vm {
  readonly spec: { readonly template: { readonly spec: VmiSpec } };
}

/** One entry of `spec.configuration.network.binding` of the KubeVirt CR. */
export interface BindingRegistration {
  readonly sidecarImage?: string;
  readonly networkAttachmentDefinition?: string;
  readonly domainAttachmentType?: string;
  readonly migration?: { readonly method?: string };
  readonly downwardAPI?: string;
  readonly computeResourceOverhead?: {
    readonly requests?: Readonly<Record<string, string | number>>;
    readonly limits?: Readonly<Record<string, string | number>>;
  };
}

/** `spec.configuration` of the KubeVirt CR. */
export interface KubevirtConfiguration {
  readonly imagePullPolicy?: string;
  readonly supportContainerResources?: readonly {
    readonly type: string;
    readonly resources?: {
      readonly requests?: Readonly<Record<string, string>>;
      readonly limits?: Readonly<Record<string, string>>;
    };
  }[];
  readonly developerConfiguration?: {
    readonly featureGates?: readonly string[];
    readonly disabledFeatureGates?: readonly string[];
    readonly useEmulation?: boolean;
  };
  readonly network?: {
    readonly defaultNetworkInterface?: string;
    readonly permitSlirpInterface?: boolean;
    readonly permitBridgeInterfaceOnPodNetwork?: boolean;
    readonly binding?: Readonly<Record<string, BindingRegistration>>;
  };
}

/** A NetworkAttachmentDefinition (k8s.cni.cncf.io/v1). */
export interface NetworkAttachmentDefinition {
  readonly metadata: ObjectMeta & { readonly namespace: string };
  readonly spec?: { readonly config?: string };
}
