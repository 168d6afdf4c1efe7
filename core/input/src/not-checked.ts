import { networksOf } from "@netbind/kubevirt";
import type { Input } from "./input.ts";

/** What cannot be said of an input because it is not in it. */
export const findNotChecked = (input: Input): readonly string[] => [
  ...findUnknown(input),
  ...input.unchecked,
  ...findMissingDefinitions(input),
];

/** What is not known of an input's VMs, because preferences and instancetypes that they name are not in it. */
export const findUnknown = ({ vms, templates }: Input): readonly string[] =>
  [...vms, ...templates].flatMap(({ object: { namespace, name }, unknown }) =>
    unknown.map((text) => `${namespace}/${name}: ${text}`),
  );

/** Definitions of the VMs' networks, where the input has none at all. */
function findMissingDefinitions({ vms, templates, nads, sources }: Input): readonly string[] {
  // Where there are some, a rule says which one is missing.
  if (nads.length > 0 || sources !== "the input") return [];
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
