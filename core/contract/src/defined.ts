/** A value's type with optional keys in place of keys that may be undefined: what `exactOptionalPropertyTypes` asks for. */
export type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/**
 * Leaves out the keys whose value is undefined: `defined({ name, mtu })` has no `mtu` where `mtu` is undefined. Of a nested object
 * nothing is left out, and what is not an own enumerable property by a text is not taken over.
 */
export function defined<const T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as Defined<T>;
}
