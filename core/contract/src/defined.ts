/** A value's type with optional keys in place of keys that may be undefined: what `exactOptionalPropertyTypes` asks for. */
export type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

const DATA_FIELD = { enumerable: true, configurable: true, writable: true } as const;

/**
 * Leaves out the keys whose value is undefined: `defined({ name, mtu })` has no `mtu` where `mtu` is undefined. Of a nested object
 * nothing is left out, and what is not an own enumerable property by a text is not taken over.
 */
export function defined<const T extends object>(value: T): Defined<T> {
  const kept: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const inner = (value as Readonly<Record<string, unknown>>)[key];
    if (inner === undefined) continue;
    // To assign this one would set what the object inherits from.
    if (key === "__proto__") Object.defineProperty(kept, key, { ...DATA_FIELD, value: inner });
    else kept[key] = inner;
  }
  return kept as Defined<T>;
}
