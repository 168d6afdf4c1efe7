import { violation } from "@netbind/contract";
import type { VmiInterface } from "../../api.ts";
import type { KubevirtMinor } from "../../versions.ts";
import { perInterface, quote, type Rule, type RuleContext, type RuleFinding } from "./rule.ts";

interface OldRule {
  readonly id: string;
  readonly means: string;
  readonly fix: string;
  /** Since 1.3, where that is another. */
  readonly fixSinceRemoval?: string;
  readonly until: KubevirtMinor;
  readonly since?: KubevirtMinor;
  readonly breaks: (nic: VmiInterface, subject: RuleContext) => boolean;
  readonly problem: (nic: VmiInterface) => string;
}

const listed = (gate: string, { configuration }: RuleContext): boolean =>
  configuration.developerConfiguration?.featureGates?.includes(gate) === true;

/** The rules of the core bindings that KubeVirt had until 1.3. Source: reference, section 3.3, historic rules. */
const OLD: readonly OldRule[] = [
  {
    id: "OLD-1",
    means: "Slirp serves the pod network only.",
    fix: "use bridge: {} on a multus network",
    until: 5,
    breaks: (nic, { networkOf }) => nic.slirp !== undefined && networkOf(nic)?.pod === undefined,
    problem: (nic) => `slirp serves the pod network only, and ${quote(nic.name)} is not the pod network`,
  },
  {
    id: "OLD-2",
    means: "Slirp takes a permission in the KubeVirt CR.",
    fix: "set permitSlirpInterface: true in the KubeVirt CR",
    until: 5,
    breaks: (nic, { configuration, networkOf }) =>
      nic.slirp !== undefined &&
      networkOf(nic)?.pod !== undefined &&
      configuration.network?.permitSlirpInterface !== true,
    problem: () => "the cluster does not permit slirp",
  },
  {
    id: "OLD-3",
    means: "The core binding macvtap takes the feature gate Macvtap.",
    fix: "list the gate in the KubeVirt CR, or use binding: {name: macvtap}",
    fixSinceRemoval: "use binding: {name: macvtap}",
    until: 7,
    breaks: (nic, subject) => nic.macvtap !== undefined && !listed("Macvtap", subject),
    problem: () => "the feature gate Macvtap is off",
  },
  {
    id: "OLD-4",
    means: "The core binding macvtap serves multus networks only.",
    fix: "use masquerade: {} on the pod network",
    until: 7,
    breaks: (nic, { networkOf }) => nic.macvtap !== undefined && networkOf(nic)?.multus === undefined,
    problem: (nic) => `macvtap serves multus networks only, and ${quote(nic.name)} is on the pod network`,
  },
  {
    id: "OLD-5",
    means: "The core binding passt takes the feature gate Passt.",
    fix: "list the gate in the KubeVirt CR, or use binding: {name: passt}",
    fixSinceRemoval: "use binding: {name: passt}",
    until: 7,
    breaks: (nic, subject) => nic.passt !== undefined && !listed("Passt", subject),
    problem: () => "the feature gate Passt is off",
  },
  {
    id: "OLD-6",
    means: "The core binding passt serves the pod network only.",
    fix: "use bridge: {} on a multus network",
    until: 7,
    breaks: (nic, { networkOf }) => nic.passt !== undefined && networkOf(nic)?.pod === undefined,
    problem: (nic) => `passt serves the pod network only, and ${quote(nic.name)} is not the pod network`,
  },
  {
    id: "OLD-7",
    means: "The core binding passt is a VM's only interface.",
    fix: "remove the other interfaces, or use binding: {name: passt}",
    until: 2,
    breaks: (nic, { interfaces }) => nic.passt !== undefined && interfaces.length > 1,
    problem: () => "passt is supported as the single interface of a VM only",
  },
  {
    id: "OLD-8",
    means: "A binding plugin takes the feature gate NetworkBindingPlugins.",
    fix: "list the gate in the KubeVirt CR",
    until: 4,
    breaks: (nic, { gate }) => nic.binding !== undefined && !gate("NetworkBindingPlugins"),
    problem: () => "the feature gate NetworkBindingPlugins is off",
  },
];

const why = (until: number): string => `KubeVirt checked this until 1.${until}.`;

/** From here on KubeVirt refuses what its discontinued gates are listed for. */
const GATES_DISCONTINUED = 3;

/** What is to be done, in a version. */
const fixOf = ({ fix, fixSinceRemoval = fix }: OldRule, version: KubevirtMinor): string =>
  version >= GATES_DISCONTINUED ? fixSinceRemoval : fix;

/** The historic rules, in the form of all others. */
export const OLD_BINDING_RULES: readonly Rule[] = OLD.map((old) => ({
  id: old.id,
  means: old.means,
  why: why(old.until),
  fix: old.fix,
  until: old.until,
  reason: "FieldValueInvalid",
  consequence: "rejected",
  judge: "network",
  chain: true,
  find: perInterface((nic, path, subject): readonly RuleFinding[] =>
    old.breaks(nic, subject) ? [violation(`${path}.name`, old.problem(nic), fixOf(old, subject.version))] : [],
  ),
}));
