import { defined } from "@netbind/contract";
import type { ReferencedData } from "@netbind/kubevirt";
import { missingKey, missingReference } from "../errors.ts";

/** What a map has under a key that a document names, and nothing that it inherits. */
export const ownValue = <T>(map: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(map, key) ? map[key] : undefined;

/** The value that a volume's Secret has under the first of some keys. @throws VolumeError */
export function secretValue(volume: string, data: ReferencedData, name: string, keys: readonly string[]): string {
  const secret = ownValue(data.secrets, name);
  if (secret === undefined) throw missingReference(volume, "Secret", name);
  const key = keys.find((candidate) => Object.hasOwn(secret, candidate));
  if (key === undefined)
    throw missingKey(volume, { ...defined({ key: keys[0] }), secret: name, known: Object.keys(secret) });
  return secret[key] ?? "";
}
