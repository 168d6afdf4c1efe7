import type { Attachment, LinkPlan, NetworkPlan, Plan, Sysctl } from "@netbind/contract";
import { check, PLAN_SHAPE, snapshot } from "@netbind/contract/shape";
import { checkLink } from "./authorize-links.ts";
import { checkNftables } from "./authorize-nft.ts";
import type { AddIssue, PlanContext } from "./authorize-checks.ts";
import { checkDomain, requireDevice } from "./authorize-domain.ts";
import { checkAssigned, findOverlaps, type PlannedNic } from "./authorize-networks.ts";
import { checkServices } from "./authorize-services.ts";
import { checkTogether } from "./authorize-together.ts";
import type { Grants } from "./grants.ts";
import { networkOverlaps, planRefused } from "../errors.ts";

const PLAN_SIZE_LIMIT = 256 * 1024;
const SYSCTL_LENGTH_LIMIT = 200;
/** As many problems as a person reads. */
const MOST_PROBLEMS = 20;

/** The links that a plan may make for its NIC. */
const ownLinks = ({ names }: Attachment): readonly string[] => [names.bridge, names.tap, names.adopted];

function checkSysctl({ attachment, grants, addIssue }: PlanContext, path: string, { key, value }: Sysctl): void {
  const allowed = grants.sysctls.flatMap((pattern) =>
    pattern.includes("<own>") ? ownLinks(attachment).map((name) => pattern.replace("<own>", name)) : [pattern],
  );
  if (!allowed.includes(key))
    addIssue(`${path}.key`, `${JSON.stringify(key)} is not granted (granted: ${allowed.join(", ")})`);
  if (value.length > SYSCTL_LENGTH_LIMIT || !/^\d{1,10}( \d{1,10})*$/.test(value))
    addIssue(
      `${path}.value`,
      `${JSON.stringify(value.slice(0, SYSCTL_LENGTH_LIMIT))} is not a valid number or list of numbers`,
    );
}

function checkSysctls(context: PlanContext, sysctls: readonly Sysctl[]): void {
  const values = new Map<string, string>();
  for (const [at, sysctl] of sysctls.entries()) {
    const path = `network.sysctls[${at}]`;
    checkSysctl(context, path, sysctl);
    const earlier = values.get(sysctl.key);
    if (earlier !== undefined && earlier !== sysctl.value)
      context.addIssue(
        `${path}.value`,
        `${sysctl.key} = ${JSON.stringify(sysctl.value)} contradicts ${JSON.stringify(earlier)} before it`,
      );
    values.set(sysctl.key, sysctl.value);
  }
}

/** Every bridge network of the plan, as `address/prefix`. */
const bridgeNetworks = (plan: NetworkPlan): readonly string[] =>
  plan.links.flatMap((link) =>
    link.kind === "bridge" ? link.addresses.map(({ address, prefix }) => `${address}/${prefix}`) : [],
  );

function checkLinks(context: PlanContext, links: readonly LinkPlan[]): void {
  const { grants, addIssue } = context;
  const names = new Set<string>();
  for (const [at, link] of links.entries()) {
    const path = `network.links[${at}]`;
    if (!grants.linkKinds.includes(link.kind))
      addIssue(`${path}.kind`, `links of kind ${JSON.stringify(link.kind)} are not granted`);
    else checkLink(context, path, link);
    if (names.has(link.name)) addIssue(`${path}.name`, `${JSON.stringify(link.name)} is planned twice`);
    names.add(link.name);
  }
}

function checkNetwork(context: PlanContext, network: NetworkPlan): void {
  const { attachment, addIssue } = context;
  checkLinks(context, network.links);
  checkSysctls(context, network.sysctls ?? []);
  checkNftables({
    chains: network.nftables ?? [],
    links: [attachment.names.pod, ...ownLinks(attachment)],
    networks: bridgeNetworks(network),
    podAddresses: attachment.pod.addresses,
    addIssue,
  });
}

/** What an administrator lets a NIC's binding do, and the plans that the pod's other NICs have already. */
export interface PlanBounds {
  readonly attachment: Attachment;
  readonly grants: Grants;
  readonly others?: readonly PlannedNic[];
}

/** A plan that was read whole, and all that is wrong with it. */
interface Reviewed {
  readonly plan: Plan;
  /** What reaches beyond the NIC, its grants, or the plans beside it: the binding's fault. */
  readonly problems: readonly string[];
  /** Networks that the VM's author must choose otherwise. */
  readonly overlaps: readonly string[];
}

/** Reads any value as a plan: once, into a copy, so that what is applied later is what was looked at. */
function review(given: unknown, { attachment, grants, others = [] }: PlanBounds): Reviewed {
  const plan = snapshot(given) as Plan;
  const refused = (problems: readonly string[]): Reviewed => ({ plan, problems, overlaps: [] });
  const shape = check(plan, PLAN_SHAPE, "");
  if (shape.length > 0)
    return refused(shape.map(({ field, problem, fix }) => `${field || "plan"}: ${problem}: ${fix}`));
  const size = JSON.stringify(plan).length;
  if (size > PLAN_SIZE_LIMIT) return refused([`the plan has ${size} characters, and ${PLAN_SIZE_LIMIT} are the most`]);
  const problems: string[] = [];
  const addIssue: AddIssue = (path, problem) => void problems.push(`${path}: ${problem}`);
  const context = { attachment, plan, grants, addIssue };
  if (plan.network !== undefined) checkNetwork(context, plan.network);
  checkAssigned(context);
  checkServices(context);
  checkDomain(context);
  checkTogether(context, others);
  return { plan, problems, overlaps: findOverlaps(context, others) };
}

/** All that is wrong with a value as a NIC's plan, as `path: sentence`. Empty for a plan within its bounds. */
export function findPlanProblems(plan: unknown, bounds: PlanBounds): readonly string[] {
  const { problems, overlaps } = review(plan, bounds);
  return [...problems, ...overlaps];
}

function listed(problems: readonly string[]): string {
  const more = problems.length - MOST_PROBLEMS;
  return [...problems.slice(0, MOST_PROBLEMS), ...(more > 0 ? [`and ${more} more`] : [])].join("; ");
}

/**
 * Lets a plan pass only if it stays within its own NIC, what the core assigned to that, what the administrator granted, and
 * what the pod's other NICs leave. Takes any value: a binding in this process may return what it likes.
 *
 * @throws BindingError PLAN_OUT_OF_BOUNDS with all that is wrong, or PLAN_IMPOSSIBLE where only the guest's network meets the pod's,
 *   or the pod's libvirt has no such device
 */
export function authorize(given: unknown, bounds: PlanBounds): Plan {
  const { plan, problems, overlaps } = review(given, bounds);
  const { name } = bounds.attachment;
  const all = listed([...problems, ...overlaps]);
  if (problems.length > 0) throw planRefused(name, all);
  if (overlaps.length > 0) throw networkOverlaps(name, all);
  requireDevice(plan.domain, bounds.attachment);
  return plan;
}
