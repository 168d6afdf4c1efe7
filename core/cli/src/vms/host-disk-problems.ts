import type { InputViolation } from "@netbind/input";
import { foundBy } from "@netbind/kubevirt/admission";
import { checkContainerDisks, checkHostDisks, type State } from "@netbind/local";
import type { Exec } from "@netbind/netns";
import type { DecidedVm } from "../documents/decide-input.ts";

/** What is in the way of VMs' disks of the machine's and out of images, of all VMs at once, where its text stands. Changes nothing. */
export async function findHostDiskProblems(
  { state, exec }: { readonly state: State; readonly exec: Exec },
  vms: readonly DecidedVm[],
  directories: readonly string[],
): Promise<readonly InputViolation[]> {
  const policy = { directories, own: state.own };
  const found = await Promise.all(
    vms.map(async ({ vm, decision }) =>
      foundBy("HOST-DISK", [
        ...(await checkHostDisks(exec, decision.vmi, policy)),
        ...checkContainerDisks(decision.vmi, policy),
      ]).map(vm.locate),
    ),
  );
  return found.flat();
}
