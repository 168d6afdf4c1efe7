import { violation } from "@netbind/contract";
import type { InputDocument, InputViolation, ReadResult } from "./documents.ts";
import { kindOf, located, textOf } from "./kinds.ts";
import { isDeviceConfigMap } from "./referenced-data.ts";

/** True for what an administrator alone defines in a cluster: which images and networks there are, and which devices. */
const isAdministrators = (document: InputDocument): boolean =>
  ["kubevirt", "hyperconverged", "nad"].includes(kindOf(document)) || isDeviceConfigMap(document);

const refused = (document: InputDocument): InputViolation =>
  located(
    document,
    violation(
      "kind",
      `a ${textOf(document.value["kind"])} must come from the administrator, and this file is not one of --admin`,
      "remove it, or have the administrator name its file with --admin",
    ),
  );

/** What trusted files of an administrator's and files of VMs say together: what only the former may define is refused in the latter. */
export const withAdministrators = (administrators: ReadResult, own: ReadResult): ReadResult => ({
  documents: [...administrators.documents, ...own.documents.filter((document) => !isAdministrators(document))],
  violations: [...administrators.violations, ...own.violations, ...own.documents.filter(isAdministrators).map(refused)],
});
