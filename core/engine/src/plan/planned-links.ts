import type { LinkPlan, Plan } from "@netbind/contract";

/** The links that a plan makes, in its order; empty where it has no network part. */
export const plannedLinks = ({ network }: Plan): readonly LinkPlan[] => network?.links ?? [];

/** True where the pod's link is the guest's: the pod has none of the guest's network left. */
export const isAdopted = (plan: Plan): boolean => plannedLinks(plan).some(({ kind }) => kind === "adopted");

/** True where a bridge of a plan gets the pod's link as its port. */
export const isAdoptedBy = (plan: Plan, bridge: string): boolean =>
  plannedLinks(plan).some((link) => link.kind === "adopted" && link.bridge === bridge);
