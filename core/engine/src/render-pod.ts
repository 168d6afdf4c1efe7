import type { Needs } from "@netbind/contract";
import type { KubevirtConfiguration, Vmi } from "./api.ts";
import { isPrimary, nicNames } from "./names.ts";
import type { ResolvedBinding } from "./resolve-binding.ts";

/** A container of the launcher pod, as far as networking has a say in it. */
export interface PodContainer {
  readonly name: string;
  readonly image?: string;
  /** Where the image was found. */
  readonly from?: ResolvedBinding["from"];
  readonly imagePullPolicy?: string;
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly subPath?: string }[];
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number; readonly protocol: string }[];
  readonly resources?: { readonly limits: Readonly<Record<string, string>> };
  readonly capabilities: { readonly add: readonly string[]; readonly drop: readonly string[] };
}

/** The launcher pod of a VMI, as far as networking has a say in it. */
export interface Pod {
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly containers: readonly PodContainer[];
  readonly volumes: readonly { readonly name: string; readonly emptyDir: object }[];
}

const HOOKS_VOLUME = "hook-sidecar-sockets";
const HOOKS_PATH = "/var/run/kubevirt-hooks";
const PRIVATE_DIRECTORY = "/var/run/kubevirt-private";

/** What a pod must have for all of a VM's NICs: annotations joined, devices and memory added up, capabilities once. */
export function mergeNeeds(needs: readonly Needs[]): Required<Pick<Needs, "compute" | "pod">> {
  const devices: Record<string, number> = {};
  for (const need of needs)
    for (const [name, count] of Object.entries(need.compute?.devices ?? {})) devices[name] = (devices[name] ?? 0) + count;
  return {
    compute: {
      capabilities: [...new Set(needs.flatMap((need) => need.compute?.capabilities ?? []))].sort(),
      devices,
      memoryOverheadBytes: needs.reduce((sum, need) => sum + (need.compute?.memoryOverheadBytes ?? 0), 0),
    },
    pod: { annotations: Object.assign({}, ...needs.map((need) => need.pod?.annotations ?? {})) as Record<string, string> },
  };
}

/** One entry of the `k8s.v1.cni.cncf.io/networks` annotation; the order of the keys is the annotation's. */
function multusElements(vmi: Vmi, configuration: KubevirtConfiguration): readonly object[] {
  const reference = (text: string): { readonly name: string; readonly namespace: string } => {
    const at = text.indexOf("/");
    return at === -1 ? { name: text, namespace: vmi.metadata.namespace } : { name: text.slice(at + 1), namespace: text.slice(0, at) };
  };
  return (vmi.spec.domain.devices.interfaces ?? []).flatMap((nic) => {
    const network = vmi.spec.networks?.find(({ name }) => name === nic.name);
    if (network === undefined || nic.state === "absent") return [];
    const plugin = nic.binding === undefined ? undefined : configuration.network?.binding?.[nic.binding.name]?.networkAttachmentDefinition;
    return [
      ...(network.multus !== undefined && !isPrimary(network)
        ? [
            {
              ...reference(network.multus.networkName),
              ...(nic.macAddress ? { mac: nic.macAddress } : {}),
              interface: nicNames(network).pod,
            },
          ]
        : []),
      ...(plugin ? [{ ...reference(plugin), "cni-args": { logicNetworkName: network.name } }] : []),
    ];
  });
}

function annotations(vmi: Vmi, configuration: KubevirtConfiguration, needs: Needs): Record<string, string> {
  const networks = multusElements(vmi, configuration);
  const standIn = vmi.spec.networks?.find(({ multus }) => multus?.default === true)?.multus?.networkName;
  return {
    ...(networks.length === 0 ? {} : { "k8s.v1.cni.cncf.io/networks": JSON.stringify(networks) }),
    ...(standIn === undefined ? {} : { "v1.multus-cni.io/default-network": standIn }),
    ...needs.pod?.annotations,
  };
}

function compute(vmi: Vmi, needs: Needs, hasSidecars: boolean): PodContainer {
  const interfaces = vmi.spec.domain.devices.interfaces ?? [];
  const tun = interfaces.length > 0 || vmi.spec.domain.devices.autoattachPodInterface !== false;
  const devices = { ...(tun ? { "devices.kubevirt.io/tun": 1 } : {}), ...needs.compute?.devices };
  const ports = interfaces.flatMap((nic) => nic.ports ?? []);
  return {
    name: "compute",
    ...(ports.length === 0
      ? {}
      : {
          ports: ports.map(({ name, port, protocol }) => ({ ...(name ? { name } : {}), containerPort: port, protocol: protocol || "TCP" })),
        }),
    ...(hasSidecars ? { volumeMounts: [{ name: HOOKS_VOLUME, mountPath: HOOKS_PATH }] } : {}),
    resources: { limits: Object.fromEntries(Object.entries(devices).map(([name, count]) => [name, String(count)])) },
    capabilities: { add: ["NET_BIND_SERVICE", ...(needs.compute?.capabilities ?? [])], drop: ["ALL"] },
  };
}

function sidecar(binding: ResolvedBinding, at: number, configuration: KubevirtConfiguration): PodContainer {
  const name = `hook-sidecar-${at}`;
  const env = {
    XDG_CACHE_HOME: PRIVATE_DIRECTORY,
    XDG_CONFIG_HOME: PRIVATE_DIRECTORY,
    XDG_RUNTIME_DIR: "/var/run",
    CONTAINER_NAME: name,
    NETWORK_BINDING_PLUGIN_NAME: binding.name,
  };
  return {
    name,
    ...(binding.image === undefined ? {} : { image: binding.image }),
    from: binding.from,
    ...(configuration.imagePullPolicy ? { imagePullPolicy: configuration.imagePullPolicy } : {}),
    env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
    volumeMounts: [{ name: HOOKS_VOLUME, mountPath: HOOKS_PATH, subPath: name }],
    capabilities: { add: [], drop: ["ALL"] },
  };
}

/** The launcher pod of a VMI. Sidecars come in the order of their bindings' names, so that their numbers are stable. */
export function renderPod(
  vmi: Vmi,
  configuration: KubevirtConfiguration,
  bindings: readonly ResolvedBinding[],
  nicNeeds: readonly Needs[],
): Pod {
  const needs = mergeNeeds(nicNeeds);
  const withImage = bindings.filter(({ image }) => image !== undefined);
  const inject = vmi.metadata.annotations?.["sidecar.istio.io/inject"];
  return {
    annotations: annotations(vmi, configuration, needs),
    labels: { "kubevirt.io": "virt-launcher", ...(inject === undefined ? {} : { "sidecar.istio.io/inject": inject }) },
    containers: [compute(vmi, needs, withImage.length > 0), ...withImage.map((binding, at) => sidecar(binding, at, configuration))],
    volumes: withImage.length === 0 ? [] : [{ name: HOOKS_VOLUME, emptyDir: {} }],
  };
}
