import { type Attachment, BINDING_FAULT, BindingError, type NetworkPlan, type Plan, type Sysctl } from "@netbind/contract";
import { checkLink } from "./authorize-links.ts";
import { checkNftables } from "./authorize-nft.ts";
import type { Complain } from "./authorize-checks.ts";
import { checkDomain } from "./authorize-domain.ts";
import { checkServices } from "./authorize-services.ts";
import type { Grants } from "./grants.ts";

const PLAN_SIZE_LIMIT = 256 * 1024;

function checkSysctl(path: string, { key, value }: Sysctl, own: readonly string[], grants: Grants, complain: Complain): void {
  const allowed = grants.sysctls.flatMap((pattern) =>
    pattern.includes("<own>") ? own.map((name) => pattern.replace("<own>", name)) : [pattern],
  );
  if (!allowed.includes(key)) complain(`${path}.key`, `${JSON.stringify(key)} is not granted (granted: ${allowed.join(", ")})`);
  if (!/^\d{1,10}( \d{1,10})*$/.test(value)) complain(`${path}.value`, `${JSON.stringify(value)} is no number`);
}

/** Every bridge network of the plan, as `address/prefix`. */
const bridgeNetworks = (plan: NetworkPlan): readonly string[] =>
  plan.links.flatMap((link) => (link.kind === "bridge" ? link.addresses.map(({ address, prefix }) => `${address}/${prefix}`) : []));

function checkNetwork(plan: NetworkPlan, attachment: Attachment, grants: Grants, complain: Complain): void {
  const { names, pod } = attachment;
  const seen = new Set<string>();
  for (const [at, link] of plan.links.entries()) {
    const path = `network.links[${at}]`;
    if (!grants.linkKinds.includes(link.kind)) complain(`${path}.kind`, `links of kind ${JSON.stringify(link.kind)} are not granted`);
    else checkLink(path, link, attachment, plan, complain);
    if (seen.has(link.name)) complain(`${path}.name`, `${JSON.stringify(link.name)} is planned twice`);
    seen.add(link.name);
  }
  const own = [names.bridge, names.tap, names.adopted];
  for (const [at, sysctl] of (plan.sysctls ?? []).entries()) checkSysctl(`network.sysctls[${at}]`, sysctl, own, grants, complain);
  checkNftables(plan.nftables ?? [], { links: [names.pod, ...own], networks: bridgeNetworks(plan), podAddresses: pod.addresses }, complain);
}

/** All that is wrong with a plan, as `path: sentence`. Empty for a plan within its bounds. */
export function findPlanProblems(plan: Plan, attachment: Attachment, grants: Grants): readonly string[] {
  const size = JSON.stringify(plan).length;
  if (size > PLAN_SIZE_LIMIT) return [`the plan has ${size} characters, and ${PLAN_SIZE_LIMIT} are the most`];
  const problems: string[] = [];
  const complain: Complain = (path, problem) => void problems.push(`${path}: ${problem}`);
  if (plan.network !== undefined) checkNetwork(plan.network, attachment, grants, complain);
  checkServices(plan, attachment, grants, complain);
  checkDomain(plan, attachment, grants, complain);
  return problems;
}

/**
 * Lets a plan pass only if it stays within its own NIC and what the administrator granted.
 *
 * @throws BindingError PLAN_OUT_OF_BOUNDS with all that is wrong
 */
export function authorize(plan: Plan, attachment: Attachment, grants: Grants): Plan {
  const problems = findPlanProblems(plan, attachment, grants);
  if (problems.length === 0) return plan;
  throw new BindingError(
    "PLAN_OUT_OF_BOUNDS",
    `the plan for NIC "${attachment.name}" is refused: ${problems.join("; ")}`,
    `nothing was applied: ${BINDING_FAULT}`,
  );
}
