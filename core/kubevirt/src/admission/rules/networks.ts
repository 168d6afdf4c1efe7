import { violation } from "@netbind/contract";
import type { VmiNetwork } from "../../api.ts";
import { perNetwork, quote, repeatedNames, type Rule, type RuleContext } from "./rule.ts";
import { networkMeantBy } from "../../nic/network-meant.ts";
import { withMeant } from "../../values/nearest-name.ts";
import { INTERFACES_PATH, NETWORKS_PATH } from "../../vmi.ts";

const places = ({ networks }: RuleContext, is: (network: VmiNetwork) => boolean): readonly number[] =>
  networks.flatMap((network, at) => (is(network) ? [at] : []));
const isPod = ({ pod }: VmiNetwork): boolean => pod !== undefined;
const isDefault = ({ multus }: VmiNetwork): boolean => multus?.default === true;

/** Sources of a network, in the words of a version. */
const sources = (network: VmiNetwork, { version }: RuleContext): readonly string[] =>
  (["pod", "multus", ...(version >= 9 ? (["resourceClaim"] as const) : [])] as const).filter(
    (source) => network[source] !== undefined,
  );

/** What is asked of networks, and of the pairs that they make with interfaces. Source: reference, section 3.2. */
export const NETWORK_RULES: readonly Rule[] = [
  {
    id: "NET-1",
    means: "A VM has at most one pod network.",
    why: "The pod has one cluster network, and only one NIC can be on it.",
    fix: "remove one of the pod networks, or make it a multus network",
    reason: "FieldValueDuplicate",
    consequence: "rejected",
    judge: "network",
    kubevirt: {
      field: () => "spec.interfaces",
      difference: "KubeVirt names spec.interfaces, which does not exist; Netbind names the second pod network.",
    },
    find: (subject) =>
      places(subject, isPod)
        .slice(1)
        .map((at) =>
          violation(
            `${NETWORKS_PATH}[${at}].pod`,
            `this is a second pod network, after ${NETWORKS_PATH}[${places(subject, isPod)[0]}]`,
            "remove one, or make it a multus network",
          ),
        ),
  },
  {
    id: "NET-2",
    means: "At most one multus network is the default.",
    why: "Only one network can replace the pod network.",
    fix: "let one network be the default",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    find: (subject) => {
      const defaults = places(subject, isDefault);
      if (defaults.length < 2) return [];
      const where = defaults.map((at) => `${NETWORKS_PATH}[${at}]`).join(" and ");
      return [violation(NETWORKS_PATH, `${where} are both the default`, "let one network be the default")];
    },
  },
  {
    id: "NET-3",
    means: "A pod network and a multus default network exclude each other.",
    why: "The default multus network replaces the pod network.",
    fix: "remove the pod network, or set multus.default to false",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    find: (subject) => {
      const [pod, replacement] = [places(subject, isPod)[0], places(subject, isDefault)[0]];
      if (pod === undefined || replacement === undefined) return [];
      return [
        violation(
          NETWORKS_PATH,
          `${NETWORKS_PATH}[${replacement}] replaces the pod network, and ${NETWORKS_PATH}[${pod}] is a pod network`,
          "remove one of them, or set multus.default to false",
        ),
      ];
    },
  },
  {
    id: "NET-4",
    means: "A network has a source.",
    why: "KubeVirt has no default for it.",
    fix: "write pod: {} or multus: {networkName: ...}",
    reason: "FieldValueRequired",
    consequence: "rejected",
    judge: "network",
    find: perNetwork((network, path, subject) =>
      sources(network, subject).length === 0
        ? [
            violation(
              path,
              `network ${quote(network.name)} has no source`,
              "write pod: {} or multus: {networkName: ...}",
            ),
          ]
        : [],
    ),
  },
  {
    id: "NET-5",
    means: "A network has one source only.",
    why: "A NIC is on one network.",
    fix: "keep one of the sources, and make a second network for the other",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    kubevirt: {
      reason: "FieldValueRequired",
      difference: "KubeVirt reports a missing value where there is one too many; Netbind reports an invalid one.",
    },
    find: perNetwork((network, path, subject) => {
      const found = sources(network, subject);
      if (found.length < 2) return [];
      return [
        violation(
          path,
          `network ${quote(network.name)} has ${found.length} sources: ${found.join(", ")}`,
          "keep one of them",
        ),
      ];
    }),
  },
  {
    id: "NET-6",
    means: "A multus network names its NetworkAttachmentDefinition.",
    why: "Without one, multus has no CNI plugin to delegate to.",
    fix: "write <name> or <namespace>/<name>",
    reason: "FieldValueRequired",
    consequence: "rejected",
    judge: "network",
    kubevirt: {
      firstOnly: true,
      difference: "KubeVirt stops at the first network that names none; Netbind reports all of them.",
    },
    find: perNetwork(({ name, multus }, path) =>
      multus !== undefined && !multus.networkName
        ? [
            violation(
              path,
              `network ${quote(name)} names no NetworkAttachmentDefinition`,
              "write <name> or <namespace>/<name> in multus.networkName",
            ),
          ]
        : [],
    ),
  },
  {
    id: "NET-7",
    means: "Every network has a name of its own.",
    why: "An interface refers to its network by name.",
    fix: "give every network a name of its own",
    reason: "FieldValueDuplicate",
    consequence: "rejected",
    judge: "network",
    find: ({ networks }) => repeatedNames(networks, NETWORKS_PATH, "give every network a name of its own"),
  },
  {
    id: "MAP-1",
    means: "Every network has an interface of its name.",
    why: "A network without a NIC would be attached to nothing.",
    fix: `add an interface of that name under ${INTERFACES_PATH}, or remove the network`,
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    kubevirt: {
      reason: "FieldValueRequired",
      difference:
        "KubeVirt reports a missing value here and an invalid one for the reverse, MAP-2; Netbind reports both as invalid.",
    },
    find: (subject) => {
      const nics = new Set(subject.interfaces.map(({ name }) => name));
      return subject.networks.flatMap(({ name }, at) =>
        nics.has(name)
          ? []
          : [
              violation(
                `${NETWORKS_PATH}[${at}].name`,
                `network ${quote(name)} has no interface`,
                `add an interface of that name under ${INTERFACES_PATH}`,
              ),
            ],
      );
    },
  },
  {
    id: "IF-1",
    means: "Every network has one interface only.",
    why: "Names pair interfaces with networks, one to one.",
    fix: "connect one interface to each network",
    reason: "FieldValueDuplicate",
    consequence: "rejected",
    judge: "network",
    find: ({ interfaces }) => repeatedNames(interfaces, INTERFACES_PATH, "connect one interface to each network"),
  },
  {
    id: "MAP-2",
    means: "Every interface has a network of its name.",
    why: "A NIC must be on a network.",
    fix: `add a network of that name under ${NETWORKS_PATH}, or remove the interface`,
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    find: (subject) =>
      subject.interfaces.flatMap((nic, at) =>
        subject.networkOf(nic) !== undefined
          ? []
          : [
              violation(
                `${INTERFACES_PATH}[${at}].name`,
                `interface ${quote(nic.name)} has no network`,
                withMeant(networkMeantBy(subject.vmi, nic.name), `add a network of that name under ${NETWORKS_PATH}`),
              ),
            ],
      ),
  },
  {
    id: "CRD-1",
    means: "A VM has at most 256 networks and 256 interfaces.",
    why: "KubeVirt's schema allows no more.",
    fix: "use fewer",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "vm",
    find: ({ networks, interfaces }) =>
      [
        { path: NETWORKS_PATH, count: networks.length },
        { path: INTERFACES_PATH, count: interfaces.length },
      ].flatMap(({ path, count }) => (count > 256 ? [violation(path, `${count} are more than 256`, "use fewer")] : [])),
  },
];
