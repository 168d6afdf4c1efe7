import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { AttachRequest } from "@netbind/contract";
import { nicDomain, type PlannedDevice } from "@netbind/domain";
import { attachFromWire, sealOf } from "@netbind/remote/sidecar";
import type { SidecarPlaces } from "./places.ts";
import { checkSeal } from "./seal.ts";

/** What was attached, as hooks are answered from it. */
export interface AttachedVm {
  readonly vm: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly nics: readonly PlannedDevice[];
}

/** Takes from an Attach what hooks are answered from. */
export const toAttached = ({ namespace, name, uid, nics }: AttachRequest): AttachedVm => ({
  vm: { namespace, name, uid },
  nics: nics.map(({ attachment, plan }) => ({ nic: nicDomain(attachment), domain: plan.domain })),
});

/** Keeps an Attach's sealed bytes in a file, so that after any crash it holds the old ones or the new ones. */
export function writeStored({ storedFile }: SidecarPlaces, sealed: Uint8Array): void {
  const next = `${storedFile}.next`;
  const descriptor = openSync(next, "w", 0o600);
  try {
    // Writes until all of it is written: a full disk takes the first part and says nothing.
    writeFileSync(descriptor, sealed);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(next, storedFile);
}

/**
 * Reads what was attached; undefined where nothing was. Others in the pod can write the file: it counts with its seal alone.
 *
 * @throws BindingError where it is not what the machine's uid 0 sealed last
 */
export function readStored({ own, storedFile }: SidecarPlaces): AttachedVm | undefined {
  if (!existsSync(storedFile)) return undefined;
  const sealed = readFileSync(storedFile);
  checkSeal(own, sealOf(sealed));
  return toAttached(attachFromWire(sealed));
}
