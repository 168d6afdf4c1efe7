import { CommandError, type Exec } from "@netbind/netns";
import { unchangedAcl } from "../errors.ts";

/** One line of a POSIX access list (acl(5)): `user:107:rw-`. An empty qualifier is the file's own user or group. */
export interface AclEntry {
  readonly tag: "user" | "group" | "mask" | "other";
  readonly qualifier: string;
  readonly permissions: string;
}

const ENTRY = /^(user|group|mask|other):([^:]*):([r-][w-][x-])$/;
/** Where a child finds the descriptor that it is given. */
const FILE = "/proc/self/fd/3";
const READ_WRITE = "rw-";

/** Reads what getfacl prints. */
export const readAcl = (text: string): readonly AclEntry[] =>
  text.split("\n").flatMap((line): readonly AclEntry[] => {
    const [, tag, qualifier = "", permissions = ""] = ENTRY.exec(line) ?? [];
    return tag === undefined ? [] : [{ tag: tag as AclEntry["tag"], qualifier, permissions }];
  });

const isNamed = ({ tag, qualifier }: AclEntry): boolean => (tag === "user" || tag === "group") && qualifier !== "";
const isOf =
  (uid: number) =>
  ({ tag, qualifier }: AclEntry): boolean =>
    tag === "user" && qualifier === String(uid);
const includes = (more: string, less: string): boolean =>
  [...less].every((letter) => letter === "-" || more.includes(letter));

/** True where a list's mask removes a permission that an entry gives: changing the mask would give it. */
export function isRestricted(acl: readonly AclEntry[]): boolean {
  const mask = acl.find(({ tag }) => tag === "mask")?.permissions;
  const masked = acl.filter((entry) => isNamed(entry) || (entry.tag === "group" && entry.qualifier === ""));
  return mask !== undefined && masked.some(({ permissions }) => !includes(mask, permissions));
}

/** The permissions that a list names for a user; undefined where it names none. */
export const permissionsOf = (acl: readonly AclEntry[], uid: number): string | undefined =>
  acl.find(isOf(uid))?.permissions;

/**
 * The arguments of setfacl, so that a user's entry is again as it was, and everybody else's stays as it is now. Empty:
 * it is so already.
 */
export function takingBack(acl: readonly AclEntry[], uid: number, before: string | undefined): readonly string[] {
  if (permissionsOf(acl, uid) === before) return [];
  // A mask that another process narrowed meanwhile stays: it is not computed again.
  const kept = isRestricted(acl) ? ["--no-mask"] : [];
  if (before !== undefined) return [...kept, "--modify", `u:${uid}:${before}`];
  const others = acl.some((entry) => isNamed(entry) && !isOf(uid)(entry));
  return others || kept.length > 0 ? [...kept, "--remove", `u:${uid}`] : ["--remove-all"];
}

/** The access list of an open file. @throws Error where its file system has none */
export async function aclOf(exec: Exec, descriptor: number): Promise<readonly AclEntry[]> {
  return readAcl(
    await exec(["getfacl", "--omit-header", "--numeric", "--no-effective", "--absolute-names", FILE], {
      descriptors: [descriptor],
    }),
  );
}

const reason = (error: unknown): string =>
  error instanceof CommandError ? error.stderr.trim() : (error as Error).message;

/**
 * Lets a user read and write an open file, beside those that may already. @throws Error where its file system keeps no
 * access lists
 */
export async function grantAccess(exec: Exec, descriptor: number, uid: number): Promise<void> {
  if (permissionsOf(await aclOf(exec, descriptor), uid) === READ_WRITE) return;
  try {
    await exec(["setfacl", "--modify", `u:${uid}:${READ_WRITE}`, "--", FILE], { descriptors: [descriptor] });
  } catch (error) {
    throw unchangedAcl(reason(error), error);
  }
}

/** Gives a user's entry in an open file's list back as it was. Done twice, the second time changes nothing. */
export async function takeBackAccess(
  exec: Exec,
  descriptor: number,
  uid: number,
  before: string | undefined,
): Promise<void> {
  const reported = takingBack(await aclOf(exec, descriptor), uid, before);
  if (reported.length > 0) await exec(["setfacl", ...reported, "--", FILE], { descriptors: [descriptor] });
}
