import { isPlainObject, Unreadable } from "./shape.ts";

/** Parts of a value, and how deep they may be: far beyond what any plan has. */
const MOST_PARTS = 500_000;
const MOST_DEPTH = 64;

/** Entries of an object that have a value, or of a list: an accessor is read once, here. */
function readObject(value: object, copyPart: (part: unknown) => unknown): unknown {
  if (Array.isArray(value)) return Array.from(value, copyPart);
  const entries = Object.entries(value).filter(([, part]) => part !== undefined && part !== null);
  return Object.fromEntries(entries.map(([key, part]) => [key, copyPart(part)]));
}

/**
 * A copy of a value, made of plain objects and lists, for one reading of what other code made: fields that are undefined or
 * null are left out, and what cannot be read (a circle, a getter that throws, too much) is an {@link Unreadable}. Instances
 * of classes stay as they are: no shape takes them.
 */
export function snapshot(value: unknown): unknown {
  const above = new Set<object>();
  let parts = 0;
  const copy = (part: unknown): unknown => {
    parts++;
    if (typeof part !== "object" || part === null || !(Array.isArray(part) || isPlainObject(part))) return part;
    if (above.has(part)) return new Unreadable("the object holds itself");
    if (above.size >= MOST_DEPTH) return new Unreadable(`there are more than ${MOST_DEPTH} levels`);
    if (parts + (Array.isArray(part) ? part.length : 0) > MOST_PARTS)
      return new Unreadable(`there are more than ${MOST_PARTS} values`);
    above.add(part);
    try {
      return readObject(part, copy);
    } catch (error) {
      return new Unreadable(`it cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      above.delete(part);
    }
  };
  return copy(value);
}
