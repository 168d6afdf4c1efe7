import { defined, type Migration } from "@netbind/contract";
import {
  attachmentConflict,
  type BindingRegistration,
  type Conflict,
  memoryConflict,
  migrationConflict,
  ownerConflict,
} from "@netbind/kubevirt";
import type { NetworkBinding, Registration } from "../network-binding.ts";
import type { Release, ReleasedEntry } from "../release.ts";
import { isFalse, type Verdict } from "../status/conditions.ts";
import type { ResolvedImage } from "./resolve-image.ts";

/** What is to be registered of a binding, or why what is registered stays as it is. */
export type DesiredEntry = { readonly entry: BindingRegistration } | { readonly kept: Verdict };

/** What a registration is checked against. */
export interface Capabilities {
  /** What the binding says of itself; absent: nobody answers for it. */
  readonly migration: Migration | undefined;
  readonly released: ReleasedEntry | undefined;
}

/** What a registration promises that its binding does not keep. A registration may promise less than the binding can. */
function findConflict(name: string, given: Registration, { migration, released }: Capabilities): Conflict | undefined {
  const needed = released?.registration;
  const isMigrated = given.migration !== undefined && migration !== undefined;
  return (
    ownerConflict(name, given) ??
    (isMigrated ? migrationConflict(name, given, migration) : undefined) ??
    (needed && (attachmentConflict(given, needed) ?? memoryConflict(given, needed)))
  );
}

/** What is to be registered of a binding: what its author says, or what this release's binding of that name needs. */
export function desiredEntry(
  { name, spec }: NetworkBinding,
  { image, verdict }: ResolvedImage,
  migration: Migration | undefined,
  release: Release,
): DesiredEntry {
  const released = release.get(name);
  if (released !== undefined && released.registration === undefined) {
    const said = `KubeVirt serves "${name}" by its own key: write ${name}: {} in the VM's interface`;
    return { kept: isFalse("OwnKey", said) };
  }
  if (!verdict.isTrue) return { kept: isFalse("ImageUnresolved", `nothing is written: ${verdict.message}`) };
  const registration = spec.registration ?? released?.registration ?? {};
  // KubeVirt wires a NIC without a sidecar itself, and asks no binding.
  const isAsked = image !== undefined || released !== undefined;
  const conflict = isAsked ? findConflict(name, registration, { migration, released }) : undefined;
  if (conflict !== undefined) {
    const said = `nothing is written: ${conflict.problem}; spec.registration: ${conflict.fix}`;
    return { kept: isFalse("RegistrationMismatch", said) };
  }
  return { entry: defined({ sidecarImage: image, ...registration }) as BindingRegistration };
}
