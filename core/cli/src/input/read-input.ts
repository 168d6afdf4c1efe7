import { type ReadResult, withAdministrators } from "@netbind/input";
import { readFiles } from "./read-files.ts";

/** The files that a command reads. */
export interface InputFiles {
  readonly filename: readonly string[];
  /**
   * Files of the administrator's. Where there are some, the others are not trusted: what decides about the machine and about
   * other VMs comes from these alone.
   */
  readonly admin?: readonly string[];
  /** The namespace of objects that name none. Absent: `default`. */
  readonly namespace?: string;
  /** Rules whose warnings nobody wants. */
  readonly ignore?: readonly string[];
}

/** Reads files, and refuses what files of VMs may not define where the administrator has files of his own. */
export function readInput({ filename, admin = [], namespace }: InputFiles): ReadResult {
  const own = readFiles(filename, { namespace });
  return admin.length === 0 ? own : withAdministrators(readFiles(admin, { namespace }), own);
}
