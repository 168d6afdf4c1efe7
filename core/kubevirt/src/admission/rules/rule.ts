import { type BindingDescription, type Violation, violation } from "@netbind/contract";
import type { KubevirtConfiguration, NetworkAttachmentDefinition, Vmi, VmiInterface, VmiNetwork } from "../../api.ts";
import type { Surroundings } from "../surroundings.ts";
import { type GateName, isGateOn, type KubevirtMinor } from "../../versions.ts";
import { INTERFACES_PATH, interfacesOf, NETWORKS_PATH, networksOf } from "../../vmi.ts";

/** Kubernetes' words for what kind of mistake it is (`StatusCause.reason`). */
export type Reason =
  | "FieldValueInvalid"
  | "FieldValueRequired"
  | "FieldValueDuplicate"
  | "FieldValueNotSupported"
  | "FieldValueNotFound";

/**
 * What comes of it. `rejected`: KubeVirt's API refuses the object. `neverStarts`: it is accepted, and stays Pending, fails
 * at start or has a network that cannot work. `pending`: it is accepted, and waits until the cluster has what it names. `ignored`: it runs, and what was written has no effect or not the one meant.
 */
export type Consequence = "rejected" | "neverStarts" | "pending" | "ignored";

/**
 * Who asks in KubeVirt: the network rules of every create and update; those at creation only; the VM's other rules; or
 * Netbind alone.
 */
export type RuleCheck = "network" | "creation" | "vm" | "netbind";

/** One place of the input where a rule does not hold. */
export interface RuleFinding extends Violation {
  /** Where it is not the rule's own. */
  readonly reason?: Reason;
}

/** What rules look at: a VMI of a checked shape, and the cluster that it goes to. */
export interface RuleContext {
  readonly vmi: Vmi;
  readonly configuration: KubevirtConfiguration;
  readonly version: KubevirtMinor;
  readonly networks: readonly VmiNetwork[];
  readonly interfaces: readonly VmiInterface[];
  /** The network of an interface, by name; where a name is there twice, the last one. */
  readonly networkOf: (nic: VmiInterface) => VmiNetwork | undefined;
  readonly gate: (name: GateName) => boolean;
  /** NetworkAttachmentDefinitions that are known; undefined where none were given, so that none can be missed. */
  readonly nads: readonly NetworkAttachmentDefinition[] | undefined;
  /** What the bindings that Netbind serves say of themselves, by the name that they are registered under. */
  readonly described: DescribedBindings;
  readonly surroundings: Surroundings;
  /** How many VMs are made of this one: of a template with replicas more than one. */
  readonly copies: number;
}

/** What rules ask of bindings that can be asked. */
export type DescribedBindings = ReadonlyMap<string, Pick<BindingDescription, "migration">>;

const NONE_DESCRIBED: DescribedBindings = new Map();
const NO_FINDINGS: readonly RuleFinding[] = [];

/** What a subject is made from, beside the VM. */
export interface SubjectContext {
  readonly configuration: KubevirtConfiguration;
  readonly version: KubevirtMinor;
  readonly nads?: readonly NetworkAttachmentDefinition[];
  readonly described?: DescribedBindings;
  readonly surroundings?: Surroundings;
  readonly copies?: number;
}

/** What a rule says. */
export interface RuleText {
  /** `NET-1`: unique, never used for another rule. */
  readonly id: string;
  /** What is not allowed, in one sentence. */
  readonly means: string;
  readonly why: string;
  readonly fix: string;
  /** KubeVirt's minor versions that have the rule, both ends included. */
  readonly since?: KubevirtMinor;
  readonly until?: KubevirtMinor;
  readonly reason: Reason;
  readonly consequence: Consequence;
  /** What comes of it, where the consequence alone says too little: it follows "accepted, but". */
  readonly outcome?: string;
  readonly judge: RuleCheck;
  /** Where KubeVirt names a wrong place or kind of mistake: what it says, and why ours differs. */
  readonly kubevirt?: {
    readonly field?: (field: string) => string;
    readonly reason?: Reason;
    /** KubeVirt reports the first place only. */
    readonly firstOnly?: true;
    readonly difference: string;
  };
  /** Up to 1.2 KubeVirt reported only the first of these for an interface. */
  readonly chain?: true;
}

/** One rule of a VM: data, and a predicate that finds where it does not hold. */
export interface Rule extends RuleText {
  readonly find: (subject: RuleContext) => readonly RuleFinding[];
}

/** The context of a VM, with what rules often need of it. */
export function subjectOf(vmi: Vmi, context: SubjectContext): RuleContext {
  const { configuration, version, nads, described = NONE_DESCRIBED, surroundings = {}, copies = 1 } = context;
  const networks = networksOf(vmi);
  const byName = new Map(networks.map((network) => [network.name, network]));
  return {
    vmi,
    configuration,
    version,
    networks,
    interfaces: interfacesOf(vmi),
    networkOf: ({ name }) => byName.get(name),
    gate: (name) => isGateOn(name, version, configuration.developerConfiguration),
    nads,
    described,
    surroundings,
    copies,
  };
}

/** What looks at one item of a list: the item, its path in the VM, the VM, and its place in the list. */
type FindInItem<T> = (item: T, path: string, subject: RuleContext, at: number) => readonly RuleFinding[];

const MOST_KNOWN_PATHS = 32;
const pathsIn = (list: string): readonly string[] =>
  Array.from({ length: MOST_KNOWN_PATHS }, (_, at) => `${list}[${at}]`);
const INTERFACE_PATHS = pathsIn(INTERFACES_PATH);
const NETWORK_PATHS = pathsIn(NETWORKS_PATH);

/** What is found in the items of a list. Nearly all are right, in thousands of VMs: nothing is made for those. */
function findInItems<T>(
  items: readonly T[],
  pathOf: (at: number) => string,
  subject: RuleContext,
  find: FindInItem<T>,
): readonly RuleFinding[] {
  let all: RuleFinding[] | undefined;
  for (let at = 0; at < items.length; at++) {
    const found = find(items[at] as T, pathOf(at), subject, at);
    if (found.length === 0) continue;
    all ??= [];
    for (const one of found) all.push(one);
  }
  return all ?? NO_FINDINGS;
}
const interfacePath = (at: number): string => INTERFACE_PATHS[at] ?? `${INTERFACES_PATH}[${at}]`;
const networkPath = (at: number): string => NETWORK_PATHS[at] ?? `${NETWORKS_PATH}[${at}]`;

/** Makes a rule's predicate from one that looks at an interface. */
export const perInterface =
  (find: FindInItem<VmiInterface>): Rule["find"] =>
  (subject) =>
    findInItems(subject.interfaces, interfacePath, subject, find);

/** Makes a rule's predicate from one that looks at a network. */
export const perNetwork =
  (find: FindInItem<VmiNetwork>): Rule["find"] =>
  (subject) =>
    findInItems(subject.networks, networkPath, subject, find);

/** Each value that occurs earlier in the list, with the place of its first occurrence. */
export function findRepeated<T>(
  values: readonly T[],
): readonly { readonly at: number; readonly first: number; readonly value: T }[] {
  if (values.length < 2) return [];
  const firsts = new Map<T, number>();
  return values.flatMap((value, at) => {
    const first = firsts.get(value);
    if (first !== undefined) return [{ at, first, value }];
    firsts.set(value, at);
    return [];
  });
}

/** The names that occur earlier in a list, which is at a path of the VM. */
export const repeatedNames = (
  list: readonly { readonly name: string }[],
  path: string,
  fix: string,
): readonly RuleFinding[] =>
  list.length < 2
    ? NO_FINDINGS
    : findRepeated(list.map(({ name }) => name)).map(({ at, first, value }) =>
        violation(`${path}[${at}].name`, `${quote(value)} is the name of ${path}[${first}] already`, fix),
      );

/** A binding that serves a network, for a fix: masquerade serves the pod's alone. */
export const bindingFor = (network: VmiNetwork | undefined): string =>
  network === undefined || network.pod !== undefined ? "masquerade: {}" : "bridge: {}";

/** A value as a message quotes it. */
export const quote = (value: unknown): string => JSON.stringify(value) ?? "nothing";
