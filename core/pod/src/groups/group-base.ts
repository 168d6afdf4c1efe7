import { join } from "node:path";
import { canLimit, CONTROLLERS, findHierarchy, type GroupHierarchy, groupOf, handedOn } from "@netbind/netns";
import { invalidGroupName, noHierarchy, undelegatedGroup } from "../errors.ts";

/** The control group that an administrator gives pods' groups, from the hierarchy's root: `/netbind.slice/pods`. */
const VARIABLE = "NETBIND_CGROUP";

/** What it says where no groups are to be made. */
const NONE = "none";

/** Where pods' groups are made, or why none are. */
export type GroupBase = { readonly base: string } | { readonly why: string };

const NEEDED = CONTROLLERS.join(", ");

/** @throws GroupError with what is missing */
function named(hierarchy: GroupHierarchy, name: string): GroupBase {
  if (!name.startsWith("/") || name.split("/").includes("..")) throw invalidGroupName(VARIABLE, name);
  if ("why" in hierarchy) throw noHierarchy(VARIABLE, name, hierarchy.why);
  const base = join(hierarchy.mount, name);
  if (!canLimit(base)) throw undelegatedGroup(name, { variable: VARIABLE, delegated: handedOn(base), needed: NEEDED });
  return { base };
}

/**
 * Where pods' groups are made: in the group that was named, or in the one that this process is in, where that hands its
 * controllers on. Nothing of either is changed, and groups of other owners, systemd's above all, get no child of ours
 * unasked.
 *
 * @throws GroupError where the one that was named cannot be it
 */
export function findGroupBase(environment: Readonly<Record<string, string | undefined>> = process.env): GroupBase {
  const name = environment[VARIABLE] ?? "";
  if (name === NONE) return { why: `${VARIABLE} is ${NONE}` };
  const hierarchy = findHierarchy();
  if (name !== "") return named(hierarchy, name);
  if ("why" in hierarchy) return hierarchy;
  // Where the hierarchy is mounted, every process is in a group of it.
  const own = groupOf("self") ?? "/";
  const base = join(hierarchy.mount, own);
  if (!own.split("/").includes("..") && canLimit(base)) return { base };
  return { why: `the control group of this process does not delegate ${NEEDED}: name one that does in ${VARIABLE}` };
}
