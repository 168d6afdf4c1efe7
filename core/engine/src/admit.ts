import { normaliseMac, parseAddress, parseCidr, type Violation, violation } from "@netbind/contract";
import { admitClaims } from "./admit-claims.ts";
import type { KubevirtConfiguration, Vmi, VmiInterface, VmiNetwork } from "./api.ts";
import { admitDhcpOptions, admitPorts } from "./admit-nic-fields.ts";

const NETWORKS = "spec.networks";
const INTERFACES = "spec.domain.devices.interfaces";
const MODELS = ["e1000", "e1000e", "igb", "ne2k_pci", "pcnet", "rtl8139", "virtio"] as const;
const SOURCES = ["pod", "multus", "resourceClaim"] as const;
const METHODS = ["bridge", "masquerade", "sriov", "passtBinding", "binding"] as const;
const DISCONTINUED = ["slirp", "passt", "macvtap"] as const;

interface Subject {
  readonly vmi: Vmi;
  readonly configuration: KubevirtConfiguration;
  readonly networks: readonly VmiNetwork[];
  readonly interfaces: readonly VmiInterface[];
}

/** Each value that stands in a list before, with the place where it stood first. */
function findRepeated<T>(values: readonly T[]): readonly { readonly at: number; readonly first: number; readonly value: T }[] {
  return values.flatMap((value, at) => {
    const first = values.indexOf(value);
    return first < at ? [{ at, first, value }] : [];
  });
}

function admitNetworks({ networks }: Subject): readonly Violation[] {
  const pods = networks.flatMap(({ pod }, at) => (pod === undefined ? [] : [at]));
  const defaults = networks.flatMap(({ multus }, at) => (multus?.default === true ? [at] : []));
  return [
    ...pods
      .slice(1)
      .map((at) =>
        violation(`${NETWORKS}[${at}].pod`, "a VM has one pod network, and this is a second", "remove one, or make it a multus network"),
      ),
    ...defaults
      .slice(1)
      .map((at) =>
        violation(
          `${NETWORKS}[${at}].multus.default`,
          "a VM has one default network, and this is a second",
          "let one network be the default",
        ),
      ),
    ...(pods.length > 0 ? defaults : []).map((at) =>
      violation(
        `${NETWORKS}[${at}].multus.default`,
        "a default multus network replaces the pod network, and there is a pod network",
        "remove the pod network, or set default: false",
      ),
    ),
    ...networks.flatMap(admitNetwork),
    ...findRepeated(networks.map(({ name }) => name)).map(({ at, first, value }) =>
      violation(
        `${NETWORKS}[${at}].name`,
        `${JSON.stringify(value)} is the name of ${NETWORKS}[${first}] already`,
        "give every network a name of its own",
      ),
    ),
  ];
}

function admitNetwork(network: VmiNetwork, at: number): readonly Violation[] {
  const path = `${NETWORKS}[${at}]`;
  const sources = SOURCES.filter((source) => network[source] !== undefined);
  return [
    ...(sources.length === 0
      ? [violation(path, `network "${network.name}" has no source`, "write pod: {} or multus: {networkName: ...}")]
      : []),
    ...(sources.length > 1
      ? [violation(path, `network "${network.name}" has ${sources.length} sources: ${sources.join(", ")}`, "keep one of them")]
      : []),
    ...(network.multus !== undefined && !network.multus.networkName
      ? [violation(`${path}.multus.networkName`, "no NetworkAttachmentDefinition is named", "write <name> or <namespace>/<name>")]
      : []),
    ...admitGuestNetwork(network, path),
  ];
}

function admitGuestNetwork({ pod }: VmiNetwork, path: string): readonly Violation[] {
  const check = (field: "vmNetworkCIDR" | "vmIPv6NetworkCIDR", family: 4 | 6, longest: number, example: string): readonly Violation[] => {
    const text = pod?.[field];
    if (!text) return [];
    const cidr = parseCidr(text);
    if (cidr?.family === family && cidr.prefix <= longest) return [];
    const why = cidr?.family === family ? `leaves no room for a gateway and a guest` : `is no IPv${family} network`;
    return [
      violation(
        `${path}.pod.${field}`,
        `${JSON.stringify(text)} ${why}`,
        `write address/prefix with a prefix of at most ${longest}, such as ${example}`,
      ),
    ];
  };
  return [...check("vmNetworkCIDR", 4, 30, "10.0.2.0/24"), ...check("vmIPv6NetworkCIDR", 6, 126, "fd10:0:2::/120")];
}

function admitPairing({ networks, interfaces }: Subject): readonly Violation[] {
  const nics = new Set(interfaces.map(({ name }) => name));
  const nets = new Set(networks.map(({ name }) => name));
  return [
    ...networks.flatMap(({ name }, at) =>
      nics.has(name)
        ? []
        : [violation(`${NETWORKS}[${at}].name`, `network "${name}" has no interface`, `add an interface of that name under ${INTERFACES}`)],
    ),
    ...interfaces.flatMap(({ name }, at) =>
      nets.has(name)
        ? []
        : [violation(`${INTERFACES}[${at}].name`, `interface "${name}" has no network`, `add a network of that name under ${NETWORKS}`)],
    ),
    ...findRepeated(interfaces.map(({ name }) => name)).map(({ at, first, value }) =>
      violation(
        `${INTERFACES}[${at}].name`,
        `${JSON.stringify(value)} is the name of ${INTERFACES}[${first}] already`,
        "connect one interface to each network",
      ),
    ),
  ];
}

function admitBinding(nic: VmiInterface, path: string, network: VmiNetwork | undefined, { configuration }: Subject): readonly Violation[] {
  const gone = DISCONTINUED.filter((key) => nic[key] !== undefined);
  const methods = METHODS.filter((key) => nic[key] !== undefined);
  const oneWord = methods.length === 0 ? "no binding" : `${methods.length} bindings (${methods.join(", ")})`;
  const permitted = configuration.network?.permitBridgeInterfaceOnPodNetwork !== false;
  return [
    ...gone.map((key) =>
      violation(`${path}.${key}`, `${key} is no field of an interface since KubeVirt 1.3`, `write binding: {name: ${key}}`),
    ),
    ...(methods.length === 1 || gone.length > 0
      ? []
      : [violation(path, `interface "${nic.name}" has ${oneWord}`, "give it one, such as masquerade: {}")]),
    ...(nic.masquerade !== undefined && network !== undefined && network.pod === undefined
      ? [violation(`${path}.masquerade`, `masquerade serves the pod network only, and "${nic.name}" is another`, "use bridge: {} here")]
      : []),
    ...(nic.passtBinding !== undefined && network !== undefined && network.pod === undefined
      ? [violation(`${path}.passtBinding`, `passt serves the pod network only, and "${nic.name}" is another`, "use bridge: {} here")]
      : []),
    ...(nic.bridge !== undefined && network?.pod !== undefined && !permitted
      ? [
          violation(
            `${path}.bridge`,
            "the cluster does not permit bridge on the pod network",
            "use masquerade: {}, or set permitBridgeInterfaceOnPodNetwork in the KubeVirt CR",
          ),
        ]
      : []),
    ...(nic.masquerade !== undefined && normaliseMac(nic.macAddress ?? "") === "02:00:00:00:00:00"
      ? [violation(`${path}.macAddress`, `${nic.macAddress} is the in-pod bridge's own`, "choose another MAC address")]
      : []),
  ];
}

function admitFields(nic: VmiInterface, path: string): readonly Violation[] {
  const mac = nic.macAddress === undefined || nic.macAddress === "" ? undefined : normaliseMac(nic.macAddress);
  return [
    ...(/^[A-Za-z0-9_-]+$/.test(nic.name)
      ? []
      : [violation(`${path}.name`, `${JSON.stringify(nic.name)} is no interface name`, "use letters, digits, - and _")]),
    ...(!nic.model || MODELS.some((model) => model === nic.model)
      ? []
      : [violation(`${path}.model`, `${JSON.stringify(nic.model)} is no model that KubeVirt knows`, `use one of ${MODELS.join(", ")}`)]),
    ...(nic.macAddress && mac === undefined
      ? [
          violation(
            `${path}.macAddress`,
            `${JSON.stringify(nic.macAddress)} is no 48-bit MAC address`,
            "write six bytes, such as 02:00:00:00:00:01",
          ),
        ]
      : []),
    ...(nic.pciAddress && !/^[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7]$/.test(nic.pciAddress)
      ? [
          violation(
            `${path}.pciAddress`,
            `${JSON.stringify(nic.pciAddress)} is no PCI address`,
            "write domain:bus:slot.function, such as 0000:81:01.1",
          ),
        ]
      : []),
  ];
}

function admitState(nic: VmiInterface, path: string, network: VmiNetwork | undefined): readonly Violation[] {
  const { state = "" } = nic;
  const field = `${path}.state`;
  if (!["", "up", "down", "absent"].includes(state)) {
    return [violation(field, `${JSON.stringify(state)} is no state of an interface`, "use up, down or absent")];
  }
  if (nic.sriov !== undefined && (state === "up" || state === "down")) {
    return [violation(field, `an SR-IOV interface has no link state "${state}"`, "remove the field")];
  }
  if (state !== "absent") return [];
  const isDefault = network?.pod !== undefined || network?.multus?.default === true;
  return [
    ...(nic.bridge === undefined
      ? [violation(field, "only a bridge interface can be taken out", "remove the field, or remove interface and network")]
      : []),
    ...(isDefault ? [violation(field, "the default network cannot be taken out", "remove the field")] : []),
  ];
}

function admitBootOrder({ vmi, interfaces }: Subject): readonly Violation[] {
  const disks = (vmi.spec.domain.devices.disks ?? []).map(({ bootOrder }, at) => ({
    path: `spec.domain.devices.disks[${at}].bootOrder`,
    bootOrder,
  }));
  const nics = interfaces.map(({ bootOrder }, at) => ({ path: `${INTERFACES}[${at}].bootOrder`, bootOrder }));
  const all = [...disks, ...nics].filter(({ bootOrder }) => bootOrder !== undefined);
  return [
    ...nics.flatMap(({ path, bootOrder }) =>
      bootOrder !== undefined && bootOrder < 1 ? [violation(path, `${bootOrder} is no place in the boot order`, "use 1 or more")] : [],
    ),
    ...findRepeated(all.map(({ bootOrder }) => bootOrder)).flatMap(({ at, first, value }) =>
      nics.some(({ path }) => path === all[at]?.path)
        ? [
            violation(
              all[at]?.path ?? "",
              `place ${value} in the boot order is taken by ${all[first]?.path}`,
              "give every device a place of its own",
            ),
          ]
        : [],
    ),
  ];
}

function admitIdentity({ vmi }: Subject): readonly Violation[] {
  const part = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
  const { name, namespace } = vmi.metadata;
  const fix = "use lower-case letters, digits, - and (in a name) dots";
  return [
    ...(name.length <= 253 && new RegExp(`^${part}(\\.${part})*$`).test(name)
      ? []
      : [violation("metadata.name", `${JSON.stringify(name)} is no object name`, fix)]),
    ...(namespace.length <= 63 && new RegExp(`^${part}$`).test(namespace)
      ? []
      : [violation("metadata.namespace", `${JSON.stringify(namespace)} is no namespace`, fix)]),
  ];
}

function admitMacs({ interfaces }: Subject): readonly Violation[] {
  const macs = interfaces.map(({ macAddress }, at) => normaliseMac(macAddress ?? "") ?? `none ${at}`);
  return findRepeated(macs).map(({ at, first, value }) =>
    violation(
      `${INTERFACES}[${at}].macAddress`,
      `${value} is the MAC address of ${INTERFACES}[${first}] already`,
      "give every interface a MAC address of its own",
    ),
  );
}

function admitResolver({ vmi }: Subject): readonly Violation[] {
  const { dnsConfig, hostname, subdomain } = vmi.spec;
  const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
  const isDomain = (text: string): boolean =>
    text.length <= 253 && text.split(".").every((part) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(part));
  return [
    ...(dnsConfig?.searches ?? []).flatMap((text, at) =>
      isDomain(text)
        ? []
        : [violation(`spec.dnsConfig.searches[${at}]`, `${JSON.stringify(text)} is no domain name`, "write a domain such as example.com")],
    ),
    ...(dnsConfig?.nameservers ?? []).flatMap((text, at) =>
      parseAddress(text)
        ? []
        : [violation(`spec.dnsConfig.nameservers[${at}]`, `${JSON.stringify(text)} is no IP address`, "write the name server's address")],
    ),
    ...(
      [
        ["hostname", hostname],
        ["subdomain", subdomain],
      ] as const
    ).flatMap(([field, text]) =>
      text === undefined || text === "" || label.test(text)
        ? []
        : [violation(`spec.${field}`, `${JSON.stringify(text)} is no DNS label`, "use lower-case letters, digits and -")],
    ),
  ];
}

/**
 * All that is wrong with a VMI's networks and interfaces at its creation, by KubeVirt's rules of the newest version
 * (with the field paths that are meant) and by what could never start. Never throws for a VMI of the right shape.
 */
export function admitVmi(vmi: Vmi, configuration: KubevirtConfiguration): readonly Violation[] {
  const networks = vmi.spec.networks ?? [];
  const interfaces = vmi.spec.domain.devices.interfaces ?? [];
  const subject: Subject = { vmi, configuration, networks, interfaces };
  return [
    ...admitIdentity(subject),
    ...admitNetworks(subject),
    ...admitPairing(subject),
    ...interfaces.flatMap((nic, at) => {
      const path = `${INTERFACES}[${at}]`;
      const network = networks.find(({ name }) => name === nic.name);
      return [
        ...admitBinding(nic, path, network, subject),
        ...admitFields(nic, path),
        ...admitState(nic, path, network),
        ...(network?.pod === undefined ? [] : admitPorts(nic, path)),
        ...admitDhcpOptions(nic, path),
      ];
    }),
    ...admitClaims(vmi, configuration),
    ...admitBootOrder(subject),
    ...admitMacs(subject),
    ...admitResolver(subject),
  ];
}
