import type { Violation } from "@netbind/contract";
import { boolean, check, closed, integer, list, map, open, string } from "@netbind/contract/shape";
import type { BindingRegistration, KubevirtConfiguration } from "../api.ts";
import { quantity, soundPart } from "./shape.ts";

const PORT = closed({ name: string, protocol: string, port: integer }, "port");
const DHCP_OPTIONS = closed({
  bootFileName: string,
  tftpServerName: string,
  ntpServers: list(string),
  privateOptions: list(closed({ option: integer, value: string }, "option", "value")),
});
const EMPTY = closed({});
const INTERFACE = closed(
  {
    name: string,
    model: string,
    bridge: EMPTY,
    masquerade: EMPTY,
    sriov: EMPTY,
    slirp: EMPTY,
    macvtap: EMPTY,
    passt: EMPTY,
    passtBinding: EMPTY,
    binding: closed({ name: string }, "name"),
    ports: list(PORT),
    portRanges: list(closed({ protocol: string, start: integer, end: integer }, "start", "end")),
    macAddress: string,
    bootOrder: integer,
    pciAddress: string,
    dhcpOptions: DHCP_OPTIONS,
    tag: string,
    acpiIndex: integer,
    state: string,
  },
  "name",
);
const NETWORK = closed(
  {
    name: string,
    pod: closed({ vmNetworkCIDR: string, vmIPv6NetworkCIDR: string }),
    multus: closed({ networkName: string, default: boolean }),
    resourceClaim: closed({ claimName: string, requestName: string }),
  },
  "name",
);
const CLOUD_INIT = open({
  userData: string,
  userDataBase64: string,
  secretRef: open({ name: string }),
  networkData: string,
  networkDataBase64: string,
  networkDataSecretRef: open({ name: string }),
});
const VOLUME = open(
  {
    name: string,
    cloudInitNoCloud: CLOUD_INIT,
    cloudInitConfigDrive: CLOUD_INIT,
    hostDisk: open({ path: string }, "path"),
    containerDisk: open({ image: string, path: string, imagePullPolicy: string }, "image"),
    configMap: open({ name: string }),
    secret: open({ secretName: string }),
  },
  "name",
);
const DISK = open(
  {
    name: string,
    bootOrder: integer,
    disk: open({ bus: string }),
    cdrom: open({ bus: string }),
    lun: open({ bus: string }),
  },
  "name",
);
const CLAIMED_DEVICE = open({ claimName: string, requestName: string });
const VMI_SPEC = open(
  {
    domain: open(
      {
        cpu: open({ cores: integer, sockets: integer, threads: integer }),
        memory: open({ guest: quantity }),
        resources: open({ requests: map(quantity), limits: map(quantity) }),
        devices: open({
          interfaces: list(INTERFACE),
          disks: list(DISK),
          autoattachPodInterface: boolean,
          networkInterfaceMultiqueue: boolean,
          useVirtioTransitional: boolean,
          gpus: list(CLAIMED_DEVICE),
          hostDevices: list(CLAIMED_DEVICE),
        }),
      },
      "devices",
    ),
    networks: list(NETWORK),
    volumes: list(VOLUME),
    hostname: string,
    subdomain: string,
    dnsPolicy: string,
    dnsConfig: open({ nameservers: list(string), searches: list(string) }),
    terminationGracePeriodSeconds: integer,
    resourceClaims: list(open({ name: string, resourceClaimName: string, resourceClaimTemplateName: string })),
    readinessProbe: open({}),
    livenessProbe: open({}),
  },
  "domain",
);
const STATUS = open({
  interfaces: list(
    open({
      name: string,
      mac: string,
      podInterfaceName: string,
      infoSource: string,
      queueCount: integer,
      ipAddresses: list(string),
    }),
  ),
  conditions: list(open({ type: string, status: string, reason: string, message: string })),
  migrationTransport: string,
});
/** Metadata of a template, which needs no name. */
const TEMPLATE_METADATA = open({
  name: string,
  generateName: string,
  namespace: string,
  labels: map(string),
  annotations: map(string),
});
const METADATA = { ...TEMPLATE_METADATA, required: ["name"] } as const;
/** Metadata of an object whose name the cluster makes up. */
const UNNAMED_METADATA = { ...METADATA, required: [] } as const;
const REGISTRATION = closed({
  sidecarImage: string,
  networkAttachmentDefinition: string,
  domainAttachmentType: string,
  migration: closed({ method: string }),
  downwardAPI: string,
  computeResourceOverhead: closed({ requests: map(quantity), limits: map(quantity) }),
});
const KUBEVIRT = open({
  metadata: METADATA,
  spec: open({
    configuration: open({
      imagePullPolicy: string,
      developerConfiguration: open({
        featureGates: list(string),
        disabledFeatureGates: list(string),
        useEmulation: boolean,
      }),
      supportContainerResources: list(
        open({ type: string, resources: open({ requests: map(quantity), limits: map(quantity) }) }, "type"),
      ),
      network: closed({
        defaultNetworkInterface: string,
        permitSlirpInterface: boolean,
        permitBridgeInterfaceOnPodNetwork: boolean,
        binding: map(REGISTRATION),
      }),
    }),
  }),
});
const HYPERCONVERGED = open({
  metadata: METADATA,
  spec: open({ networkBinding: map(REGISTRATION), networking: open({ networkBinding: map(REGISTRATION) }) }),
});
const PREFERENCE = open(
  {
    metadata: METADATA,
    spec: open({
      devices: open({
        preferredAutoattachPodInterface: boolean,
        preferredInterfaceModel: string,
        preferredInterfaceMasquerade: open({}),
        preferredNetworkInterfaceMultiQueue: boolean,
      }),
      cpu: open({ preferredCPUTopology: string }),
    }),
  },
  "spec",
);
const INSTANCETYPE = open(
  {
    metadata: METADATA,
    spec: open({ cpu: open({ guest: integer }, "guest"), memory: open({ guest: quantity }, "guest") }, "cpu", "memory"),
  },
  "spec",
);
const CLONE = open({ metadata: METADATA, spec: open({ newMacAddresses: map(string) }) }, "spec");
const MIGRATION = open({ metadata: UNNAMED_METADATA, spec: open({ vmiName: string }, "vmiName") }, "spec");
const NAD = open({ metadata: METADATA, spec: open({ config: string }) }, "metadata");

/** What is wrong with the shape of a VMI's spec: types of all that is read; unknown fields of networks and interfaces. */
export const checkVmiSpec = (spec: unknown, path = "spec"): readonly Violation[] => check(spec, VMI_SPEC, path);
/** What is wrong with the shape of an object's metadata. */
export function checkMetadata(metadata: unknown, path = "metadata"): readonly Violation[] {
  const generated = typeof metadata === "object" && metadata !== null && "generateName" in metadata;
  return check(metadata, generated ? UNNAMED_METADATA : METADATA, path);
}
/** What is wrong with the shape of the metadata of a VM's template. */
export const checkTemplateMetadata = (metadata: unknown, path: string): readonly Violation[] =>
  check(metadata, TEMPLATE_METADATA, path);
/** A VMI's status, where it has the shape of one. */
export const isVmiStatus = (status: unknown): boolean => check(status, STATUS, "").length === 0;
/** What is wrong with the shape of a KubeVirt CR: unknown fields of `spec.configuration.network` too. */
export const checkKubevirt = (document: unknown): readonly Violation[] => check(document, KUBEVIRT, "");
/** What a KubeVirt CR configures, without what has a wrong type. */
export function kubevirtConfiguration(document: unknown): KubevirtConfiguration {
  const sound = soundPart(document, KUBEVIRT) as
    | { readonly spec?: { readonly configuration?: KubevirtConfiguration } }
    | undefined;
  return sound?.spec?.configuration ?? {};
}
/** What is wrong with the shape of a HyperConverged CR (`hco.kubevirt.io`), as far as it registers binding plugins. */
export const checkHyperConverged = (document: unknown): readonly Violation[] => check(document, HYPERCONVERGED, "");
/** What the operator registers in every cluster, whatever the CR says: a NIC of a user-defined primary network. */
const OPERATORS_OWN = { l2bridge: { domainAttachmentType: "managedTap", migration: {} } } as const;
/**
 * What the operator of a HyperConverged CR writes into the KubeVirt CR of it, without what has a wrong type: the registrations
 * of `spec.networkBinding`, since `v1` of `spec.networking.networkBinding`, and masquerade as the default of VMs without a NIC.
 */
export function hyperConvergedConfiguration(document: unknown): KubevirtConfiguration {
  interface Registering {
    readonly networkBinding?: Readonly<Record<string, BindingRegistration>>;
  }
  const sound = soundPart(document, HYPERCONVERGED) as
    | { readonly spec?: Registering & { readonly networking?: Registering } }
    | undefined;
  const registered = { ...sound?.spec?.networkBinding, ...sound?.spec?.networking?.networkBinding };
  return { network: { defaultNetworkInterface: "masquerade", binding: { ...registered, ...OPERATORS_OWN } } };
}
/** What is wrong with the shape of a NetworkAttachmentDefinition. */
export const checkNad = (document: unknown): readonly Violation[] => check(document, NAD, "");
/** What is wrong with the shape of a preference, of a namespace or of the cluster, as far as networking is concerned. */
export const checkPreference = (document: unknown): readonly Violation[] => check(document, PREFERENCE, "");
/** What is wrong with the shape of an instancetype, of a namespace or of the cluster, as far as it is read. */
export const checkInstancetype = (document: unknown): readonly Violation[] => check(document, INSTANCETYPE, "");
/** What is wrong with the shape of a VirtualMachineClone. */
export const checkClone = (document: unknown): readonly Violation[] => check(document, CLONE, "");
/** What is wrong with the shape of a VirtualMachineInstanceMigration. */
export const checkMigration = (document: unknown): readonly Violation[] => check(document, MIGRATION, "");
