import { defined, type Needs } from "@netbind/contract";
import type { KubevirtConfiguration, NetworkAttachmentDefinition, Vmi } from "../api.ts";
import { takesDeviceInfo } from "./pod-annotations.ts";
import { networkResources } from "./pod-resources.ts";
import type { Sidecar } from "./sidecars.ts";
import { isGateOn, type KubevirtMinor } from "../versions.ts";
import { interfacesOf } from "../vmi.ts";

/** A container of the launcher pod, as far as networking has a say in it: Kubernetes' own fields. */
export interface PodContainer {
  readonly name: string;
  readonly image?: string;
  readonly imagePullPolicy?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number; readonly protocol: string }[];
  readonly resources?: Resources;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly subPath?: string }[];
  readonly securityContext: SecurityContext;
}

/** Quantities by resource. */
export interface Resources {
  readonly requests?: Readonly<Record<string, string>>;
  readonly limits?: Readonly<Record<string, string>>;
}

interface SecurityContext {
  readonly runAsUser: number;
  readonly runAsGroup: number;
  readonly runAsNonRoot: boolean;
  readonly allowPrivilegeEscalation: boolean;
  readonly capabilities: { readonly add?: readonly string[]; readonly drop: readonly string[] };
}

/** A pod is rendered for this. */
export interface RenderInput {
  readonly vmi: Vmi;
  readonly configuration: KubevirtConfiguration;
  readonly version: KubevirtMinor;
  readonly sidecars: readonly Sidecar[];
  readonly needs: Required<Pick<Needs, "compute" | "pod">>;
  readonly nads: readonly NetworkAttachmentDefinition[];
}

export const HOOKS_VOLUME = "hook-sidecar-sockets";
const HOOKS_PATH = "/var/run/kubevirt-hooks";
const NETWORK_INFO_PATH = "/etc/podinfo";
const PRIVATE_DIRECTORY = "/var/run/kubevirt-private";
/** The VM's user, which is every container's. */
const VM_USER = 107;
/** What a sidecar gets in a pod whose containers must all have limits. */
const GUARANTEED_SIDECAR = { cpu: "200m", memory: "64M" } as const;

const unprivileged = (add: readonly string[]): SecurityContext => ({
  runAsUser: VM_USER,
  runAsGroup: VM_USER,
  runAsNonRoot: true,
  allowPrivilegeEscalation: false,
  capabilities: { ...(add.length === 0 ? {} : { add }), drop: ["ALL"] },
});

/** The volume through which a launcher receives its NICs' devices: the annotation that is shown as a file. */
export interface InfoVolume {
  readonly name: string;
  readonly file: string;
  readonly annotation: string;
}

const NETWORK_INFO_VOLUME: InfoVolume = {
  name: "network-info-annotation",
  file: "network-info",
  annotation: "kubevirt.io/network-info",
};
/** Until 1.2 a launcher received only the PCI addresses of SR-IOV devices. */
const PCI_MAP: InfoVolume = {
  name: "network-pci-map-annotation",
  file: "network-pci-map",
  annotation: "kubevirt.io/network-pci-map",
};

/** How the launcher receives its devices; undefined where no NIC has one. */
export function infoVolume(input: RenderInput): InfoVolume | undefined {
  const nics = interfacesOf(input.vmi);
  if (input.version < 3) return nics.some(({ sriov }) => sriov !== undefined) ? PCI_MAP : undefined;
  return nics.some((nic) => takesDeviceInfo(nic, input.configuration)) ? NETWORK_INFO_VOLUME : undefined;
}

const mountInfo = ({ name }: InfoVolume) => ({ name, mountPath: NETWORK_INFO_PATH });

/** The devices of networks, where KubeVirt itself asks for them: from 1.9 on it leaves that to an injector. */
function networkDevices({ vmi, configuration, version, nads }: RenderInput): Record<string, number> {
  if (isGateOn("ExternalNetResourceInjection", version, configuration.developerConfiguration)) return {};
  const { resources } = networkResources(vmi, nads);
  const devices: Record<string, number> = {};
  for (const name of resources?.values() ?? []) if (name !== "") devices[name] = (devices[name] ?? 0) + 1;
  return devices;
}

function devices(input: RenderInput): Record<string, number> {
  const interfaces = interfacesOf(input.vmi);
  const { vmi, configuration } = input;
  const tun = interfaces.length > 0 || vmi.spec.domain.devices.autoattachPodInterface !== false;
  const emulated = configuration.developerConfiguration?.useEmulation === true;
  const vhost = !emulated && interfaces.some(({ model }) => !model || model === "virtio");
  const all = { ...networkDevices(input) };
  for (const [name, count] of Object.entries(input.needs.compute.devices ?? {})) all[name] = (all[name] ?? 0) + count;
  return {
    ...(tun ? { "devices.kubevirt.io/tun": 1 } : {}),
    ...(vhost ? { "devices.kubevirt.io/vhost-net": 1 } : {}),
    ...all,
  };
}

const counted = (devices: Readonly<Record<string, number>>): Record<string, string> =>
  Object.fromEntries(Object.entries(devices).map(([name, count]) => [name, String(count)]));

/**
 * The container that the VM runs in. Its memory is the VM's matter: what networking adds to it is reported separately.
 */
export function computeContainer(input: RenderInput, sidecarCount: number): PodContainer {
  const ports = interfacesOf(input.vmi).flatMap((nic) => nic.ports ?? []);
  const limits = counted(devices(input));
  const info = infoVolume(input);
  const mounts = [
    ...(sidecarCount > 0 ? [{ name: HOOKS_VOLUME, mountPath: HOOKS_PATH }] : []),
    ...(info === undefined ? [] : [mountInfo(info)]),
  ];
  const requests = counted(networkDevices(input));
  return {
    name: "compute",
    args: ["--hook-sidecars", String(sidecarCount)],
    ...(ports.length === 0
      ? {}
      : {
          ports: ports.map(({ name, port, protocol }) => ({
            ...defined({ name: name || undefined }),
            containerPort: port,
            protocol: protocol || "TCP",
          })),
        }),
    ...(Object.keys(limits).length === 0
      ? {}
      : { resources: { ...(Object.keys(requests).length === 0 ? {} : { requests }), limits } }),
    ...(mounts.length === 0 ? {} : { volumeMounts: mounts }),
    securityContext: unprivileged(["NET_BIND_SERVICE", ...(input.needs.compute.capabilities ?? [])]),
  };
}

/** True for a VM whose pod must be of the class Guaranteed: every container has limits then. */
function isGuaranteed({ vmi }: RenderInput): boolean {
  const { cpu, resources } = vmi.spec.domain;
  if (cpu?.dedicatedCpuPlacement === true) return true;
  const { requests = {}, limits = {} } = resources ?? {};
  return ["cpu", "memory"].every(
    (name) =>
      limits[name] !== undefined && (requests[name] === undefined || String(requests[name]) === String(limits[name])),
  );
}

function sidecarResources(input: RenderInput): Resources | undefined {
  const configured = input.configuration.supportContainerResources?.find(({ type }) => type === "sidecar")?.resources;
  if (!isGuaranteed(input)) return configured;
  const limits = { ...GUARANTEED_SIDECAR, ...configured?.limits };
  return { requests: limits, limits };
}

/** A hook sidecar's container, by its place among all of the pod's. */
export function sidecarContainer(sidecar: Sidecar | UserSidecar, at: number, input: RenderInput): PodContainer {
  const name = `hook-sidecar-${at}`;
  const plugin = "plugin" in sidecar ? sidecar : undefined;
  const user = "plugin" in sidecar ? undefined : sidecar;
  const env = {
    XDG_CACHE_HOME: PRIVATE_DIRECTORY,
    XDG_CONFIG_HOME: PRIVATE_DIRECTORY,
    XDG_RUNTIME_DIR: "/var/run",
    ...(input.version >= 6 ? { CONTAINER_NAME: name } : {}),
    ...(input.version >= 9 && plugin !== undefined ? { NETWORK_BINDING_PLUGIN_NAME: plugin.plugin } : {}),
  };
  const resources = sidecarResources(input);
  return {
    name,
    ...defined({ image: sidecar.image || undefined, imagePullPolicy: sidecar.imagePullPolicy || undefined }),
    ...defined({ command: user?.command, args: user?.args }),
    env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
    ...defined({ resources }),
    volumeMounts: [
      { name: HOOKS_VOLUME, mountPath: HOOKS_PATH, ...(input.version >= 6 ? { subPath: name } : {}) },
      ...(plugin?.downwardApi === "device-info" && input.version >= 3 ? [mountInfo(NETWORK_INFO_VOLUME)] : []),
    ],
    securityContext: unprivileged([]),
  };
}

/** A hook sidecar that a VM's author asks for by annotation. */
export interface UserSidecar {
  readonly image?: string;
  readonly imagePullPolicy?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
}

const HOOK_SIDECARS = "hooks.kubevirt.io/hookSidecars";

/** The sidecars that a VM's annotation asks for; none where it is not a list. */
export function userSidecars(vmi: Vmi): readonly UserSidecar[] {
  try {
    const list: unknown = JSON.parse(vmi.metadata.annotations?.[HOOK_SIDECARS] ?? "[]");
    return Array.isArray(list)
      ? list.filter((entry): entry is UserSidecar => typeof entry === "object" && entry !== null)
      : [];
  } catch {
    return [];
  }
}
