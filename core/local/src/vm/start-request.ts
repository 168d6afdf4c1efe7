import type { AttachedNic, Decision } from "@netbind/engine";
import type { ReferencedData } from "@netbind/kubevirt";
import type { ProcessId } from "@netbind/netns";
import type { Progress } from "../launcher/image.ts";
import type { PodContext } from "../pod/make-pod.ts";
import type { SidecarSources } from "../pod/prepare-sidecars.ts";

/** The place that VMs are started in. */
export interface StartContext extends PodContext {
  readonly sidecars: SidecarSources;
  readonly progress: Progress;
  /** A file of passwords for registries; absent: the one that skopeo login writes as root. */
  readonly authFile?: string;
}

/** A VM to start. */
export interface StartRequest {
  readonly decision: Decision;
  /** Where its document came from: `vm.yaml:1`. */
  readonly source: string;
  readonly data: ReferencedData;
  /** Directories that disks of the machine's may be in. */
  readonly hostDiskDirectories: readonly string[];
  /** Aborted where the person who asked does not want it any more. */
  readonly signal: AbortSignal;
}

/** A VM that was started. */
export interface StartedVm {
  readonly id: string;
  readonly nics: readonly AttachedNic[];
  readonly warnings: readonly string[];
  readonly qemu: ProcessId;
}
