import { type Violation, violation } from "@netbind/contract";
import { type Grants, type NeedingNic, ungrantedNeeds } from "@netbind/engine";
import { INTERFACES_PATH } from "@netbind/kubevirt";

/** What every launcher has. */
const STANDARD_CAPABILITY = "NET_BIND_SERVICE";

/**
 * The capabilities that a NIC needs and that no pod can give it: what a pod's specification adds is not effective in a
 * process of another user than root, as the launcher's is.
 */
const ineffectiveCapabilities = ({ binding, index, needs }: NeedingNic): readonly Violation[] =>
  (needs.compute?.capabilities ?? [])
    .filter((name) => name !== STANDARD_CAPABILITY)
    .map((name) =>
      violation(
        `${INTERFACES_PATH}[${index}]`,
        `binding "${binding}" needs the capability ${name} in the launcher, which runs as uid 107: what a pod's specification adds is not effective there`,
        "use a binding that plans without it",
      ),
    );

/** What a NIC needs of its pod that it cannot be given: a capability whatever is granted, and what is not granted. */
export function impossibleNeeds(nic: NeedingNic, grants: Grants): readonly Violation[] {
  const { compute: { capabilities: _, ...compute } = {}, ...needs } = nic.needs;
  return [...ineffectiveCapabilities(nic), ...ungrantedNeeds({ ...nic, needs: { ...needs, compute } }, grants)];
}
