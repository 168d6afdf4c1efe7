import { cleanLine, plain, type StyledLine, styled } from "./styled-text.ts";
import { count, definitions, table } from "./table.ts";
import type { Screen } from "./format-vm.ts";

/** Which object of a cluster something is about. */
export interface ClusterObject {
  readonly kind: string;
  /** Absent: of the whole cluster. */
  readonly namespace?: string;
  readonly name: string;
}

/** Something that is wrong in a cluster, and what to do. */
export interface ClusterFinding {
  /** Stable, and known to `netbind explain`. */
  readonly code: string;
  /** `error`: VMs with Netbind's bindings do not work, or will not. */
  readonly severity: "error" | "warning";
  readonly object: ClusterObject;
  /** Its field; empty: the object as a whole. */
  readonly field: string;
  readonly problem: string;
  readonly fix: string;
}

/** A binding as a cluster has it. */
export interface ClusterBinding {
  readonly name: string;
  /** How the KubeVirt CR registers it; empty: it does not. */
  readonly registered: string;
  /** Whose fields the registration is. */
  readonly owners: readonly string[];
  /** The NetworkBinding's condition Ready: its status, and its reason where that is not `True`; empty: there is none. */
  readonly ready: string;
}

/** A node, and the agent on it. */
export interface ClusterNode {
  readonly name: string;
  /** `ready`, or why not; empty: no agent is on it. */
  readonly agent: string;
  /** The image of the agent; empty: unknown. */
  readonly version: string;
}

/** What is in a cluster, of what Netbind needs. */
export interface ClusterOverview {
  readonly kubevirt: string;
  /** Feature gates that the KubeVirt CR sets. */
  readonly gates: readonly string[];
  /** Those that networking asks for and that are on, by the CR or by the version. */
  readonly networkGates: readonly string[];
  readonly controller: string;
  readonly webhooks: string;
  readonly multus: string;
  readonly bindings: readonly ClusterBinding[];
  readonly nodes: readonly ClusterNode[];
}

/** A step on a VM's way to its network. */
export interface VmStep {
  readonly step: string;
  readonly state: "ok" | "failed" | "waits" | "unknown" | "not reached";
  readonly says: string;
}

const dash = (text: string): string => (text === "" ? "-" : text);
const STYLES = { error: "error", warning: "warning" } as const;

const nameOf = ({ kind, namespace, name }: ClusterObject): string =>
  `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;

/** A finding in lines: what is wrong with which object, and what to do. */
export const clusterFindingLines = ({
  code,
  severity,
  object,
  field,
  problem,
  fix,
}: ClusterFinding): readonly StyledLine[] => [
  cleanLine([
    styled(STYLES[severity], `${severity}: `),
    plain(`[${code}] `),
    styled("strong", `${nameOf(object)}: `),
    ...(field === "" ? [] : [styled("strong", `${field}: `)]),
    plain(problem),
  ]),
  cleanLine([styled("dim", `    fix: ${fix}`)]),
];

/** What is in a cluster, as text: a list, and a table of bindings and of nodes. */
export function formatOverview(overview: ClusterOverview, { width }: Pick<Screen, "width">): string {
  const { kubevirt, gates, networkGates, controller, webhooks, multus, bindings, nodes } = overview;
  const facts = definitions(
    [
      ["KubeVirt", kubevirt],
      ["feature gates", gates.length === 0 ? "none are set" : gates.join(", ")],
      ["of networking", networkGates.length === 0 ? "none are on" : `on: ${networkGates.join(", ")}`],
      ["controller", controller],
      ["webhooks", webhooks],
      ["multus", multus],
    ],
    width,
  );
  const named = bindings.map(({ name, registered, owners, ready }) => [
    ...[name, dash(registered), owners.length === 0 ? "-" : owners, dash(ready)],
  ]);
  const ofNodes = nodes.map(({ name, agent, version }) => [name, agent === "" ? "none" : agent, dash(version)]);
  return [
    facts,
    ...(named.length === 0 ? [] : [table([["BINDING", "REGISTERED", "OWNER", "READY"], ...named], width)]),
    ...(ofNodes.length === 0 ? [] : [table([["NODE", "AGENT", "VERSION"], ...ofNodes], width)]),
  ].join("\n\n");
}

/** A VM's way, a line for each step. */
export const formatSteps = (steps: readonly VmStep[], { width }: Pick<Screen, "width">): string =>
  definitions(
    steps.map(({ step, state, says }) => [step, says === "" ? state : `${state}: ${says}`]),
    width,
  );

/** How many findings there are, of which kind. */
export function findingsSummary(findings: readonly ClusterFinding[], notChecked: readonly string[]): StyledLine {
  const errors = findings.filter(({ severity }) => severity === "error");
  const warnings = findings.filter(({ severity }) => severity === "warning");
  return [
    styled(errors.length > 0 ? "error" : "good", count(errors, "error")),
    plain(", "),
    styled(warnings.length > 0 ? "warning" : "good", count(warnings, "warning")),
    ...(notChecked.length === 0 ? [] : [plain(`, ${notChecked.length} not checked`)]),
  ];
}
