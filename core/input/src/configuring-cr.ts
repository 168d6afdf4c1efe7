import { defined, type Violation, violation } from "@netbind/contract";
import type { KubevirtConfiguration } from "@netbind/kubevirt";
import {
  checkHyperConverged,
  checkKubevirt,
  type CodedViolation,
  hyperConvergedConfiguration,
  kubevirtConfiguration,
  placeInHyperConverged,
} from "@netbind/kubevirt/admission";
import type { InputDocument, InputViolation } from "./documents.ts";
import { type ObservedVersion, observedIn } from "./observed-version.ts";
import { type Kind, located, textOf } from "./kinds.ts";

/** The CR that an administrator configures KubeVirt in: its own, or the one that an operator writes KubeVirt's from. */
export interface ConfiguringCr {
  readonly kind: "KubeVirt" | "HyperConverged";
  /** The field that registers binding plugins. */
  readonly registry: string;
}

/** The CR that configures a cluster, with the way back to its text. */
export interface ClusterCr {
  readonly document: InputDocument;
  /** Puts what is found at a field of the KubeVirt CR where it comes from. */
  readonly locate: (found: CodedViolation) => InputViolation;
}

/** How a cluster is configured, as far as the input says. */
export interface Cluster {
  readonly configuration: KubevirtConfiguration;
  /** Absent: no such CR is in the input, and nothing is known of the cluster. */
  readonly configuredBy?: ConfiguringCr;
  /** The CR that says so. Absent: none is in the input. */
  readonly cr?: ClusterCr;
  /** The version that the cluster runs. Absent: its CR does not say. */
  readonly observed?: ObservedVersion;
}

/** The documents of a kind, in their order. */
type Sorted = (kind: Kind) => readonly InputDocument[];

/** What HyperConverged calls the KubeVirt CR that it writes. */
const WRITTEN_BY_OPERATOR = "kubevirt-kubevirt-hyperconverged";
const KUBEVIRT: ConfiguringCr = { kind: "KubeVirt", registry: "spec.configuration.network.binding" };
const HYPERCONVERGED: ConfiguringCr = { kind: "HyperConverged", registry: "spec.networkBinding" };
/** From `hco.kubevirt.io/v1` on. */
const SINCE_V1: ConfiguringCr = { kind: "HyperConverged", registry: "spec.networking.networkBinding" };

const nameOf = ({ value }: InputDocument): unknown =>
  (value["metadata"] as { readonly name?: unknown } | undefined)?.name;

/** The CR that is to be edited: what an operator writes, it writes again. */
function configuringCr(
  kubevirt: InputDocument | undefined,
  operator: InputDocument | undefined,
): ConfiguringCr | undefined {
  if (operator !== undefined) {
    const spec = operator.value["spec"];
    const isGrouped = typeof spec === "object" && spec !== null && "networking" in spec;
    return isGrouped || textOf(operator.value["apiVersion"]).endsWith("/v1") ? SINCE_V1 : HYPERCONVERGED;
  }
  if (kubevirt === undefined) return undefined;
  return nameOf(kubevirt) === WRITTEN_BY_OPERATOR ? HYPERCONVERGED : KUBEVIRT;
}

/** The CR that says how a cluster is configured. */
function crOf(
  kubevirt: InputDocument | undefined,
  operator: InputDocument | undefined,
  configuredBy: ConfiguringCr | undefined,
): ClusterCr | undefined {
  const document = kubevirt ?? operator;
  if (document === undefined || configuredBy === undefined) return undefined;
  const placeOf = (field: string): string =>
    document === operator ? placeInHyperConverged(field, document.value, configuredBy.registry) : field;
  const locate = (found: CodedViolation): InputViolation => {
    const inWords = inWordsOf(configuredBy, found);
    const field = placeOf(found.field);
    // An annotation's text has the field, which its place does not say.
    const problem = field.startsWith("metadata.") ? `${found.field}: ${inWords.problem}` : inWords.problem;
    return located(document, { ...inWords, problem, field });
  };
  return { document, locate };
}

/** How the cluster is configured. Where an export has both CRs, KubeVirt's own says what it does. */
export function clusterOf(of: Sorted): Cluster {
  const [kubevirt] = of("kubevirt");
  const [operator] = of("hyperconverged");
  const configuredBy = configuringCr(kubevirt, operator);
  const configuration =
    kubevirt === undefined && operator !== undefined
      ? hyperConvergedConfiguration(operator.value)
      : kubevirtConfiguration(kubevirt?.value);
  const cr = crOf(kubevirt, operator, configuredBy);
  return { configuration, ...defined({ configuredBy, cr, observed: observedIn(kubevirt) }) };
}

/** What is wrong with the CRs: their shapes, and one that is not the only one of its kind. */
export const checkCrs = (of: Sorted): readonly InputViolation[] => [
  ...checkCr(of("kubevirt"), "KubeVirt", checkKubevirt),
  ...checkCr(of("hyperconverged"), "HyperConverged", checkHyperConverged),
];

function checkCr(
  [first, ...others]: readonly InputDocument[],
  kind: string,
  check: (value: unknown) => readonly Violation[],
): readonly InputViolation[] {
  if (first === undefined) return [];
  const second = violation("kind", `a second ${kind} CR; the first is in ${first.file}:${first.line}`, "keep one");
  return [
    ...check(first.value).map((found) => located(first, found)),
    ...others.map((document) => located(document, second)),
  ];
}

/** How settings get into a KubeVirt CR for which HyperConverged has no field of its own. */
const BY_ANNOTATION = "by the annotation kubevirt.kubevirt.io/jsonpatch of the HyperConverged CR";

/** A text that speaks of the KubeVirt CR, as it is for a cluster where that is written by an operator. */
function renamed(text: string, { registry }: ConfiguringCr): string {
  if (text.includes(KUBEVIRT.registry) || /\bregister/.test(text))
    return text.replaceAll(KUBEVIRT.registry, registry).replaceAll("KubeVirt CR", "HyperConverged CR");
  return text.replace(/\bin (spec\.configuration\.network of )?the KubeVirt CR/, BY_ANNOTATION);
}

/** A finding of a VM in the words of its cluster: a fix names the CR that an administrator edits there. */
export const inWordsOf = <F extends CodedViolation>(configuredBy: ConfiguringCr | undefined, found: F): F =>
  configuredBy?.kind === "HyperConverged"
    ? { ...found, problem: renamed(found.problem, configuredBy), fix: renamed(found.fix, configuredBy) }
    : found;
