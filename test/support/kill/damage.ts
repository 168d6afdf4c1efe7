import fc from "fast-check";

type Path = readonly (string | number)[];

/** Every place in a JSON value. */
function placesOf(value: unknown, path: Path = []): readonly Path[] {
  if (value === null || typeof value !== "object") return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => placesOf(inner, [...path, key]))];
}

function replaceAt(value: unknown, [key, ...rest]: Path, next: unknown): unknown {
  if (key === undefined) return next;
  const copy: Record<string, unknown> = Array.isArray(value) ? ([...value] as never) : { ...(value as object) };
  if (rest.length === 0 && next === undefined && Array.isArray(copy)) copy.splice(Number(key), 1);
  else if (rest.length === 0 && next === undefined) delete copy[key];
  else copy[key] = replaceAt(copy[key], rest, next);
  return copy;
}

/** A JSON value in which something was replaced by any JSON, or taken out, at up to three places. */
export function damaged(value: unknown): fc.Arbitrary<unknown> {
  const damage = fc.tuple(
    fc.nat(),
    fc.oneof(
      fc.constant(undefined),
      fc.jsonValue(),
      fc.constantFrom<unknown>("", -1, [], {}, null, "../..", [null], { a: [] }),
    ),
  );
  return fc.array(damage, { minLength: 1, maxLength: 3 }).map((damages) =>
    damages.reduce<unknown>((current, [at, next]) => {
      const places = placesOf(current);
      return replaceAt(current, places[at % places.length] ?? [], next);
    }, value),
  );
}
