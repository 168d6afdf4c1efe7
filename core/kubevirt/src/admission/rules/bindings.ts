import { RESERVED_BRIDGE_MAC, violation } from "@netbind/contract";
import type { VmiInterface, VmiNetwork } from "../../api.ts";
import { bindingFor, perInterface, quote, type Rule, type RuleFinding } from "./rule.ts";

/** The keys of an interface that say how it is attached, in KubeVirt's present version. */
const METHODS = ["bridge", "masquerade", "sriov", "passtBinding", "binding"] as const;
/** All keys that ever did, without the plugin's. */
const CORE_METHODS = ["bridge", "masquerade", "sriov", "passtBinding", "slirp", "passt", "macvtap"] as const;

const used = <K extends keyof VmiInterface>(nic: VmiInterface, keys: readonly K[]): readonly K[] =>
  keys.filter((key) => nic[key] !== undefined);

const isSecondary = ({ multus }: VmiNetwork): boolean => multus !== undefined && multus.default !== true;
const isPodNetwork = ({ pod }: VmiNetwork): boolean => pod !== undefined;

/** A core binding that KubeVirt removed. */
type RemovedKey = "slirp" | "passt" | "macvtap";

/** What replaces a core binding that KubeVirt removed, on a network that the plugin serves. */
const REPLACEMENTS: Readonly<Record<RemovedKey, string>> = {
  slirp: "binding: {name: slirp}",
  passt: "passtBinding: {} or binding: {name: passt}",
  macvtap: "binding: {name: macvtap}",
};

/** How a NIC of a removed core binding is written today. What served one kind of network alone serves no other as a plugin. */
function rewriteOf(key: RemovedKey, network: VmiNetwork | undefined): string {
  const isServed = network === undefined || (key === "macvtap" ? isSecondary(network) : isPodNetwork(network));
  if (isServed) return `write ${REPLACEMENTS[key]}`;
  const kind = key === "macvtap" ? "secondary networks" : "the pod network";
  return `write ${bindingFor(network)}, for the plugin ${key} serves ${kind} only`;
}

/** A core binding that KubeVirt removed, and the plugin of its name that replaces it. */
const discontinued = (key: RemovedKey, id: string, since: 3 | 8): Rule => ({
  id,
  means: `The core binding ${key} is removed.`,
  why: `KubeVirt removed ${key} in 1.3; the binding plugin of that name replaces it.`,
  fix: `write ${REPLACEMENTS[key]}, and register the plugin in the KubeVirt CR`,
  since,
  reason: "FieldValueInvalid",
  consequence: "rejected",
  judge: "creation",
  find: perInterface((nic, path, { networkOf }) =>
    nic[key] === undefined
      ? []
      : [
          violation(
            `${path}.${key}`,
            `KubeVirt removed the core binding ${key} in 1.3`,
            rewriteOf(key, networkOf(nic)),
          ),
        ],
  ),
});

/** A gate that was discontinued with its binding, and is still switched on. */
const staleGate = (key: "passt" | "macvtap", gate: "Passt" | "Macvtap", id: string): Rule => ({
  id,
  means: `With the feature gate ${gate} listed, KubeVirt refuses ${key} and names the gate.`,
  why: `The gate does nothing since 1.3, and KubeVirt refuses what would rely on it.`,
  fix: `write binding: {name: ${key}}, and remove ${gate} from the CR's feature gates`,
  since: 3,
  reason: "FieldValueNotSupported",
  consequence: "rejected",
  judge: "vm",
  kubevirt: { field: () => "", difference: "KubeVirt names no field; Netbind names the interface's." },
  find: perInterface((nic, path, { configuration }) =>
    nic[key] !== undefined && configuration.developerConfiguration?.featureGates?.includes(gate) === true
      ? [
          violation(
            `${path}.${key}`,
            `the feature gate ${gate} is discontinued since KubeVirt 1.3`,
            `write binding: {name: ${key}}`,
          ),
        ]
      : [],
  ),
});

/** True for a network that is not the pod's; one that is missing is reported by MAP-2. */
const isElsewhere = (network: VmiNetwork | undefined): boolean => network !== undefined && !isPodNetwork(network);

/** Finds interfaces of a core binding on another network than the pod's; `name` is the binding's in the message. */
const onPodNetworkOnly = (key: "masquerade" | "passtBinding", name: string): Rule["find"] =>
  perInterface((nic, path, { networkOf }) => {
    if (nic[key] === undefined || !isElsewhere(networkOf(nic))) return [];
    const problem = `${name} serves the pod network only, and ${quote(nic.name)} is not the pod network`;
    return [violation(`${path}.name`, problem, "use bridge: {} here")];
  });

/** An interface that has not exactly one binding, and how it gets one: a removed key has a plugin that replaces it. */
function miscounted(nic: VmiInterface, path: string, network: VmiNetwork | undefined): RuleFinding {
  const methods = used(nic, METHODS);
  const [gone] = used(nic, ["slirp", "passt", "macvtap"]);
  const counted = methods.length === 0 ? "has no binding" : `has ${methods.length} bindings: ${methods.join(", ")}`;
  return methods.length === 0 && gone !== undefined
    ? violation(
        path,
        `${gone} of interface ${quote(nic.name)} is no longer a core binding (removed in KubeVirt 1.3)`,
        rewriteOf(gone, network),
      )
    : violation(path, `interface ${quote(nic.name)} ${counted}`, `give it exactly one, such as ${bindingFor(network)}`);
}

/** What is asked of the way in which a NIC is attached. Source: reference, section 3.3. */
export const BINDING_RULES: readonly Rule[] = [
  discontinued("slirp", "DISC-1", 3),
  discontinued("passt", "DISC-2", 8),
  discontinued("macvtap", "DISC-3", 8),
  staleGate("passt", "Passt", "FG-1-passt"),
  staleGate("macvtap", "Macvtap", "FG-1-macvtap"),
  {
    id: "BIND-1",
    means: "An interface has exactly one binding.",
    why: "KubeVirt has no default for it, and a NIC cannot be attached in two ways.",
    fix: "give it one, such as masquerade: {}",
    since: 9,
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    find: perInterface((nic, path, { networkOf }): readonly RuleFinding[] =>
      used(nic, METHODS).length === 1 ? [] : [miscounted(nic, path, networkOf(nic))],
    ),
  },
  {
    id: "BIND-1-old",
    means: "A binding plugin and a core binding exclude each other.",
    why: "A NIC cannot be attached in two ways.",
    fix: "remove one of them",
    until: 8,
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    find: perInterface((nic, path) => {
      const methods = used(nic, CORE_METHODS);
      if (nic.binding === undefined || methods.length === 0) return [];
      return [
        violation(
          `${path}.binding`,
          `interface ${quote(nic.name)} has a plugin beside ${methods.join(", ")}`,
          "remove one of them",
        ),
      ];
    }),
  },
  {
    id: "BIND-2",
    means: "Masquerade serves the pod network only.",
    why: "It hides the guest behind the pod's own address, which only the pod network gives.",
    fix: "use bridge: {} on a multus network, or make the network pod: {}",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    chain: true,
    find: onPodNetworkOnly("masquerade", "masquerade"),
  },
  {
    id: "BIND-3",
    means: "A masquerade NIC does not have the in-pod bridge's MAC address.",
    why: `The bridge of every masquerade NIC is ${RESERVED_BRIDGE_MAC}; a guest with the same address could not talk to it.`,
    fix: "choose another MAC address",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    chain: true,
    find: perInterface((nic, path) =>
      nic.masquerade !== undefined && nic.macAddress === RESERVED_BRIDGE_MAC
        ? [
            violation(
              `${path}.macAddress`,
              `${nic.macAddress} is the address of the in-pod bridge`,
              "choose another MAC address",
            ),
          ]
        : [],
    ),
  },
  {
    id: "BIND-4",
    means: "Bridge serves the pod network only where the cluster permits it.",
    why: "Bridge takes the pod's address away from the pod, which an administrator may forbid.",
    fix: "use masquerade: {}, or set permitBridgeInterfaceOnPodNetwork: true in the KubeVirt CR",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    chain: true,
    find: perInterface((nic, path, { configuration, networkOf }) =>
      nic.bridge !== undefined &&
      networkOf(nic)?.pod !== undefined &&
      configuration.network?.permitBridgeInterfaceOnPodNetwork === false
        ? [violation(`${path}.name`, "the cluster does not permit bridge on the pod network", "use masquerade: {}")]
        : [],
    ),
  },
  {
    id: "PASST-1",
    means: "passtBinding takes the feature gate PasstBinding.",
    why: "The core binding passtBinding came with a gate, which is on by default since 1.9.",
    fix: "switch the gate on in the KubeVirt CR, or use binding: {name: passt}",
    since: 8,
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    find: perInterface((nic, path, { gate }) =>
      nic.passtBinding !== undefined && !gate("PasstBinding")
        ? [
            violation(
              `${path}.name`,
              "the feature gate PasstBinding is off",
              "switch it on, or use binding: {name: passt}",
            ),
          ]
        : [],
    ),
  },
  {
    id: "PASST-2",
    means: "passtBinding serves the pod network only.",
    why: "passt hands the pod's own address to the guest.",
    fix: "use bridge: {} on a multus network, or make the network pod: {}",
    since: 8,
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    find: onPodNetworkOnly("passtBinding", "passt"),
  },
];
