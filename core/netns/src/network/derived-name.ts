import { createHash } from "node:crypto";
import { invalidKind, invalidPlace } from "../errors.ts";

const KIND = /^[a-z][a-z0-9-]{0,31}$/;
const EXTENSION = /^(\.[a-z0-9]{1,8})?$/;
const MOST = 1_000_000;
const DIGITS = 16;

/** What distinguishes a file from others of its kind: its place in a list, or a text, of which its name has the hash alone. */
export type NamedBy = number | { readonly text: string };

function part(by: NamedBy): string {
  if (typeof by === "object") return createHash("sha256").update(by.text).digest("hex").slice(0, DIGITS);
  if (!Number.isSafeInteger(by) || by < 0 || by > MOST) throw invalidPlace(by);
  return String(by);
}

/**
 * The name of a file that is made for something of a document: `disk-0.iso`, `log-0123456789abcdef.log`. No text of a document
 * is ever part of a path: this is the one way from the one to the other.
 *
 * @throws Error for a kind or an extension that is not a word of the program's own, or a number that is not a place in a list
 */
export function derivedName(kind: string, by: NamedBy, extension = ""): string {
  if (!KIND.test(kind) || !EXTENSION.test(extension)) throw invalidKind(kind + extension);
  return `${kind}-${part(by)}${extension}`;
}
