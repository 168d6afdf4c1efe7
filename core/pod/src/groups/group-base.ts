import { join } from "node:path";
import { canLimit, CONTROLLERS, groupOf, handedOn, unifiedMount } from "@netbind/netns";
import { invalidGroupName, noHierarchy, undelegatedGroup } from "../errors.ts";

/** The control group that an administrator gives pods' groups, from the hierarchy's root: `/netbind.slice/pods`. */
const VARIABLE = "NETBIND_CGROUP";

/** What it says where no groups are to be made. */
const NONE = "none";

/** Where pods' groups are made, or why none are. */
export type GroupBase = { readonly base: string } | { readonly why: string };

const NEEDED = CONTROLLERS.join(", ");

/** @throws GroupError with what is missing */
function named(mount: string | undefined, name: string): GroupBase {
  if (!name.startsWith("/") || name.split("/").includes("..")) throw invalidGroupName(VARIABLE, name);
  if (mount === undefined) throw noHierarchy(VARIABLE, name);
  const base = join(mount, name);
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
  const mount = unifiedMount();
  const name = environment[VARIABLE] ?? "";
  if (name !== "" && name !== NONE) return named(mount, name);
  const own = groupOf("self");
  if (name === NONE) return { why: `${VARIABLE} is ${NONE}` };
  if (mount === undefined || own === undefined)
    return { why: "this machine has no unified control group hierarchy (cgroup2)" };
  const base = join(mount, own);
  if (!own.split("/").includes("..") && canLimit(base)) return { base };
  return { why: `the control group of this process does not delegate ${NEEDED}: name one that does in ${VARIABLE}` };
}
