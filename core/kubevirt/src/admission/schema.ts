import type { Violation } from "@netbind/contract";
import {
  boolean,
  check,
  closed,
  form,
  integer,
  list,
  map,
  type ObjectShape,
  open,
  type Shape,
  string,
  word,
} from "@netbind/contract/shape";
import type { KubevirtConfiguration } from "../api.ts";
import { quantity, soundPart } from "./shape.ts";
import { withPlace } from "./unknown-fields.ts";

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
/** An instancetype or a preference, by name. */
const MATCHER = open({ name: string, kind: string, inferFromVolume: string });
const VM_SPEC = open({
  running: boolean,
  runStrategy: word("Always", "Halted", "Manual", "Once", "RerunOnFailure", "WaitAsReceiver"),
  instancetype: MATCHER,
  preference: MATCHER,
  template: open({}),
});
const REPLICATED = open({ replicas: integer });
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
/** Metadata of an object. */
export const METADATA: ObjectShape = { ...TEMPLATE_METADATA, required: ["name"] };
/** Metadata of an object whose name the cluster makes up. */
const UNNAMED_METADATA: ObjectShape = { ...METADATA, required: [] };
/** What a cluster registers of a binding plugin. */
export const REGISTRATION: ObjectShape = closed({
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
const CNI_CONFIG: Shape = form("JSON text in quotes", (value) => typeof value === "string");
const NAD = open({ metadata: METADATA, spec: open({ config: CNI_CONFIG }) }, "metadata");

/** What is wrong with the shape of a VMI's spec: types of all that is read; unknown fields of networks and interfaces. */
export const checkVmiSpec = (spec: unknown, path = "spec"): readonly Violation[] =>
  check(spec, VMI_SPEC, path).map((found) => withPlace(found, path));
/** What is wrong with the type of how many VMs a set or a pool makes. */
export const checkReplicas = (spec: unknown): readonly Violation[] => check(spec, REPLICATED, "spec");
/** What is wrong with the types of what is read of a VirtualMachine's spec, beside its template. */
export const checkVmSpec = (spec: unknown, path: string): readonly Violation[] => check(spec, VM_SPEC, path);
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
