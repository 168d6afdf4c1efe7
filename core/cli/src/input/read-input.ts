import { violation } from "@netbind/contract";
import { type InputDocument, type InputViolation, type ReadResult, readFiles } from "./documents.ts";
import { kindOf, located, textOf } from "./kinds.ts";
import { isDeviceConfigMap } from "./referenced-data.ts";

/** The files that a command reads. */
export interface InputFiles {
  readonly filename: readonly string[];
  /**
   * Files of the administrator's. Where there are some, the others are not trusted: what decides about the machine and about
   * other VMs comes from these alone.
   */
  readonly admin?: readonly string[];
}

/** True for what an administrator alone defines in a cluster: which images and networks there are, and which devices. */
const isAdministrators = (document: InputDocument): boolean =>
  ["kubevirt", "nad"].includes(kindOf(document)) || isDeviceConfigMap(document);

const refused = (document: InputDocument): InputViolation =>
  located(
    document,
    violation(
      "kind",
      `a ${textOf(document.value["kind"])} is the administrator's to define, and this file is not one of --admin`,
      "take it out, or have the administrator name its file with --admin",
    ),
  );

/** Reads files, and refuses what files of VMs may not define where the administrator has files of his own. */
export function readInput({ filename, admin = [] }: InputFiles): ReadResult {
  const own = readFiles(filename);
  if (admin.length === 0) return own;
  const given = readFiles(admin);
  return {
    documents: [...given.documents, ...own.documents.filter((document) => !isAdministrators(document))],
    violations: [...given.violations, ...own.violations, ...own.documents.filter(isAdministrators).map(refused)],
  };
}
