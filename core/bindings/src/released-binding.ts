import type { Binding } from "@netbind/contract";
import type { Grants } from "@netbind/engine";
import type { BindingRegistration } from "@netbind/kubevirt";
import type { ExplainedBinding } from "@netbind/kubevirt/admission";

/** How a binding is registered, but for its image. */
export interface ReleasedRegistration extends Omit<BindingRegistration, "sidecarImage"> {
  /** False: its NICs take no sidecar, and no image is registered. */
  readonly hasSidecar: boolean;
}

/** A binding of this release: all that the programs know of it, but for its code, which is in its own package. */
export interface ReleasedBinding {
  readonly plugin: Binding;
  /** Where a KubeVirt CR registers no image under the binding's name; a digest pins it. */
  readonly image: string;
  readonly digest?: string;
  /** What its plans may do beyond `STANDARD_GRANTS`, as long as an administrator grants nothing else. */
  readonly grants: Partial<Grants>;
  /** What a KubeVirt CR registers under its name; absent: KubeVirt's own key serves it, and it is not registered. */
  readonly registration?: ReleasedRegistration;
  /** What `netbind explain` prints. */
  readonly about: Omit<ExplainedBinding, "name">;
}
