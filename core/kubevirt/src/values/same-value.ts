/**
 * True where two JSON values are equal, whatever the order of their keys; a key whose value is undefined counts as
 * absent.
 */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((value, at) => sameValue(value, b[at]))
    );
  }
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])] as (keyof typeof a & keyof typeof b)[];
  return keys.every((key) => sameValue(a[key], b[key]));
}
