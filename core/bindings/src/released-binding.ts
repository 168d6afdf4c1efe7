import type { Binding } from "@netbind/contract";
import type { Grants } from "@netbind/engine";
import type { ExplainedBinding } from "@netbind/kubevirt/admission";

/** A binding of this release: all that the programs know of it, but for its code, which is in its own package. */
export interface ReleasedBinding {
  readonly plugin: Binding;
  /** Where a KubeVirt CR registers no image under the binding's name; a digest pins it. */
  readonly image: string;
  readonly digest?: string;
  /** What its plans may do beyond `STANDARD_GRANTS`, as long as an administrator grants nothing else. */
  readonly grants: Partial<Grants>;
  /** What `netbind explain` prints. */
  readonly about: Omit<ExplainedBinding, "name">;
}
