import type { Binding } from "@netbind/contract";
import type { GrantsByBinding } from "@netbind/engine";
import type { BindingRegistration } from "@netbind/kubevirt";

/** What this release knows of its own bindings, by name. */
export interface Released {
  readonly plugins: ReadonlyMap<string, Binding>;
  readonly registrations: ReadonlyMap<
    string,
    Omit<BindingRegistration, "sidecarImage"> & { readonly hasSidecar: boolean }
  >;
  readonly grants: GrantsByBinding;
}
