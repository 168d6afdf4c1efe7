import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { AttachRequest } from "@netbind/contract";
import { nicDomain, type PlannedDevice } from "@netbind/domain";

/** What was attached, as it is kept in a file. */
export interface StoredAttach {
  readonly version: 1;
  readonly vm: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly nics: readonly PlannedDevice[];
}

/** Takes from an Attach what hooks are answered from. */
export const toStored = ({ namespace, name, uid, nics }: AttachRequest): StoredAttach => ({
  version: 1,
  vm: { namespace, name, uid },
  nics: nics.map(({ attachment, plan }) => ({ nic: nicDomain(attachment), domain: plan.domain })),
});

/** Writes a file so that after any crash it holds the old text or the new one. */
export function writeStored(file: string, stored: StoredAttach): void {
  const next = `${file}.next`;
  const descriptor = openSync(next, "w", 0o600);
  try {
    // Writes until all of it is written: a full disk takes the first part and says nothing.
    writeFileSync(descriptor, JSON.stringify(stored));
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(next, file);
}

/** Reads what was attached; undefined where nothing was. @throws Error where the file is damaged or of another version */
export function readStored(file: string): StoredAttach | undefined {
  if (!existsSync(file)) return undefined;
  const stored = JSON.parse(readFileSync(file, "utf8")) as Partial<StoredAttach>;
  if (stored.version !== 1 || !Array.isArray(stored.nics)) throw new Error(`${file} is of version ${JSON.stringify(stored.version)}`);
  return stored as StoredAttach;
}
