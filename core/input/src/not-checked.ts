import { networksOf } from "@netbind/kubevirt";
import type { Input } from "./input.ts";

/** What cannot be said of an input because it is not in it: definitions of its VMs' networks, where it has none at all. */
export function findNotChecked({ vms, templates, nads }: Input): readonly string[] {
  // Where there are some, a rule says which one is missing.
  if (nads.length > 0) return [];
  const names = [...vms, ...templates].flatMap(({ vmi }) =>
    networksOf(vmi).flatMap(({ multus }) => {
      if (multus === undefined || multus.networkName === "") return [];
      return multus.networkName.includes("/")
        ? [multus.networkName]
        : [`${vmi.metadata.namespace}/${multus.networkName}`];
    }),
  );
  return [...new Set(names)].map((name) => `${name}: no NetworkAttachmentDefinition of that name in the input`);
}
