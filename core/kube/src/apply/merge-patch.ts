import { isObject } from "@netbind/contract/shape";
import { sameValue } from "@netbind/kubevirt";

type Value = Readonly<Record<string, unknown>>;

/** The JSON merge patch (RFC 7386) that makes one object of another: what is equal is not in it. */
export function mergePatch(from: Value, to: Value): Value {
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])];
  return Object.fromEntries(
    names
      .filter((name) => !sameValue(from[name], to[name]))
      .map((name) => {
        const [before, after] = [from[name], to[name]];
        if (isObject(before) && isObject(after)) return [name, mergePatch(before, after)];
        return [name, after ?? null];
      }),
  );
}
