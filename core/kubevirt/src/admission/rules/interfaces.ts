import { violation } from "@netbind/contract";
import { findRepeated, perInterface, quote, type Rule, type RuleFinding } from "./rule.ts";
import { nearestName } from "../../values/nearest-name.ts";
import { macAddressProblem } from "../../nic/hardware-address.ts";
import { isPrimary } from "../../nic/names.ts";
import { INTERFACES_PATH } from "../../vmi.ts";

const MODELS = ["e1000", "e1000e", "igb", "ne2k_pci", "pcnet", "rtl8139", "virtio"] as const;
/** The models of a version: igb came with 1.4. */
const models = (version: number): readonly string[] =>
  version >= 4 ? MODELS : MODELS.filter((model) => model !== "igb");
/** What is wrong with a word that an older version does not know, or none does, and what to do. */
function wordFinding(
  path: string,
  word: string,
  { known, all, since, what }: { readonly [K in "known" | "all"]: readonly string[] } & { since: string; what: string },
): RuleFinding {
  if (all.includes(word))
    return violation(
      path,
      `${quote(word)} came with KubeVirt ${since}`,
      `use ${known.join(", ")}, or upgrade KubeVirt`,
    );
  const near = nearestName(word, known);
  const fix = `use one of ${known.join(", ")}`;
  return violation(
    path,
    `${quote(word)} is not a valid ${what}`,
    near === undefined ? fix : `did you mean ${near}? Else ${fix}`,
  );
}

const PCI_ADDRESS = /^[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7]$/;
const STATES = ["up", "down", "absent"] as const;

/** What is asked of an interface's own fields. Source: reference, section 3.4. */
export const INTERFACE_RULES: readonly Rule[] = [
  {
    id: "IF-2",
    means: "An interface's name consists of letters, digits, - and _.",
    why: "It is used in the domain and in options of QEMU.",
    fix: "use letters, digits, - and _",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    find: perInterface(({ name }, path) =>
      /^[A-Za-z0-9_-]+$/.test(name)
        ? []
        : [violation(`${path}.name`, `${quote(name)} is not a valid interface name`, "use letters, digits, - and _")],
    ),
  },
  {
    id: "IF-3",
    means: "An interface has a model that KubeVirt knows.",
    why: "QEMU refuses other models, or KubeVirt does not request them.",
    fix: `use one of ${MODELS.join(", ")} (igb since 1.4)`,
    reason: "FieldValueNotSupported",
    consequence: "rejected",
    judge: "network",
    find: perInterface(({ model }, path, { version }) =>
      !model || models(version).includes(model)
        ? []
        : [
            wordFinding(`${path}.model`, model, {
              ...{ known: models(version), all: MODELS, since: "1.4" },
              what: "model of an interface",
            }),
          ],
    ),
  },
  {
    id: "IF-4",
    means: "A MAC address has six bytes.",
    why: "A NIC of a VM is an Ethernet card.",
    fix: "write six bytes, such as 02:00:00:00:00:01",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    find: perInterface(({ macAddress }, path) => {
      const problem = macAddress ? macAddressProblem(macAddress) : undefined;
      if (problem === undefined) return [];
      return [
        violation(
          `${path}.macAddress`,
          `${quote(macAddress)} ${problem}`,
          "write six bytes, such as 02:00:00:00:00:01",
        ),
      ];
    }),
  },
  {
    id: "IF-5",
    means: "A PCI address is domain:bus:slot.function.",
    why: "It is the device's place in the guest.",
    fix: "write four, two and two hexadecimal digits and a function of 0 to 7, such as 0000:81:01.1",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    find: perInterface(({ pciAddress }, path) =>
      !pciAddress || PCI_ADDRESS.test(pciAddress)
        ? []
        : [
            violation(
              `${path}.pciAddress`,
              `${quote(pciAddress)} is not a valid PCI address`,
              "write domain:bus:slot.function, such as 0000:81:01.1",
            ),
          ],
    ),
  },
  {
    id: "ST-1",
    means: "An interface's state is up, down or absent.",
    why: "KubeVirt knows no other (up and down came with 1.5).",
    fix: "use up, down or absent, or remove the field",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    find: perInterface(({ state }, path, { version }) => {
      const known = version >= 5 ? STATES : STATES.filter((word) => word === "absent");
      if (!state || known.some((word) => word === state)) return [];
      const what = "state of an interface";
      return [wordFinding(`${path}.state`, state, { known, all: STATES, since: "1.5", what })];
    }),
  },
  {
    id: "ST-2",
    means: "An SR-IOV interface has no link state.",
    why: "It is a device of the host, whose link libvirt cannot set.",
    fix: "remove the field",
    since: 5,
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    find: perInterface(({ sriov, state }, path) =>
      sriov !== undefined && (state === "up" || state === "down")
        ? [violation(`${path}.state`, `an SR-IOV interface has no link state ${quote(state)}`, "remove the field")]
        : [],
    ),
  },
  {
    id: "ST-3",
    means: "Only a bridge interface has the state absent.",
    why: "KubeVirt removes no other from a running VM.",
    fix: "remove the field, or remove interface and network",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    find: perInterface(({ bridge, state }, path) =>
      state === "absent" && bridge === undefined
        ? [
            violation(
              `${path}.state`,
              "only a bridge interface can be removed",
              "remove the field, or remove interface and network",
            ),
          ]
        : [],
    ),
  },
  {
    id: "ST-4",
    means: "The default network's interface does not have the state absent.",
    why: "KubeVirt never removes the pod's first link.",
    fix: "remove the field",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    find: perInterface((nic, path, { networks }) => {
      const first = networks.find(isPrimary);
      return nic.state === "absent" && first?.name === nic.name
        ? [violation(`${path}.state`, "the default network's interface cannot be removed", "remove the field")]
        : [];
    }),
  },
  {
    id: "BOOT-1",
    means: "A boot order begins with 1.",
    why: "0 and negative numbers are not places in an order.",
    fix: "use 1 or more",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "vm",
    kubevirt: {
      field: (field) => field.replace(".domain.devices.interfaces", ""),
      difference: "KubeVirt writes the interface's index after spec; Netbind names the interface.",
    },
    find: perInterface(({ bootOrder }, path) =>
      bootOrder !== undefined && bootOrder < 1
        ? [violation(`${path}.bootOrder`, `${bootOrder} is not a valid place in the boot order`, "use 1 or more")]
        : [],
    ),
  },
  {
    id: "BOOT-2",
    means: "Every device has a place of its own in the boot order.",
    why: "The firmware tries one device after another.",
    fix: "give every disk and interface a place of its own",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "vm",
    find: ({ vmi, interfaces }) => {
      const disks = (vmi.spec.domain.devices.disks ?? []).map(({ bootOrder }, at) => ({
        path: `spec.domain.devices.disks[${at}]`,
        bootOrder,
      }));
      const nics = interfaces.map(({ bootOrder }, at) => ({ path: `${INTERFACES_PATH}[${at}]`, bootOrder }));
      const all = [...disks, ...nics].filter(({ bootOrder }) => bootOrder !== undefined);
      return findRepeated(all.map(({ bootOrder }) => bootOrder)).flatMap(({ at, first, value }) => {
        const [path, taken] = [all[at]?.path ?? "", all[first]?.path ?? ""];
        if (!path.startsWith(INTERFACES_PATH)) return [];
        return [
          violation(
            `${path}.bootOrder`,
            `place ${value} in the boot order is ${taken}'s`,
            "give every device a place of its own",
          ),
        ];
      });
    },
  },
  {
    id: "BOOT-3",
    means: "A VM with launch security boots from no NIC.",
    why: "A NIC's boot ROM is not measured.",
    fix: "remove the interface's bootOrder",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "vm",
    find: ({ vmi, interfaces }) => {
      const nic = interfaces.find(({ bootOrder }) => bootOrder !== undefined);
      if (vmi.spec.domain.launchSecurity === undefined || nic === undefined) return [];
      return [
        violation(
          "spec.domain.launchSecurity",
          `launch security and the boot order of interface ${quote(nic.name)} exclude each other`,
          "remove the interface's bootOrder",
        ),
      ];
    },
  },
];
