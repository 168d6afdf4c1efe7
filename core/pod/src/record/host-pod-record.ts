import type { Attachment, Plan } from "@netbind/contract";
import type { PlannedNic, PodContext } from "@netbind/engine";
import type { PodRecord } from "@netbind/netns";

/** What every host's record of a pod has, beside the pod's network: all that it takes to go on or to undo it. */
export interface HostPodRecord extends PodRecord {
  readonly version: 1;
  readonly facts?: PodContext;
  /** Binding of each NIC, by logical name. */
  readonly bindings: Readonly<Record<string, string>>;
  /** The NICs as their sidecars receive them. */
  readonly attached?: readonly Attachment[];
  /** The control group of the pod; absent where it has none of its own. */
  readonly cgroup?: string;
}

/** The recorded NICs of a pod that have a plan and a name that is asked for. */
export const plannedNics = (
  { attached = [], nics }: Pick<HostPodRecord, "attached" | "nics">,
  isAskedFor: (name: string) => boolean,
): readonly PlannedNic[] =>
  attached.flatMap((attachment) => {
    const plan: Plan | undefined = nics[attachment.name]?.plan;
    return plan === undefined || !isAskedFor(attachment.name) ? [] : [{ attachment, plan }];
  });
