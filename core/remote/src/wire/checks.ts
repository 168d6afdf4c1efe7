import { malformed } from "../errors.ts";

/** A part that must be there. @throws BindingError ATTACHMENT_INVALID */
export function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw malformed(`${what} is missing`);
  return value;
}

/** A list that the wire has always and the contract only where it is not empty. */
export const nonEmpty = <T>(list: readonly T[]): readonly T[] | undefined => (list.length === 0 ? undefined : list);

/** One of a few words. @throws BindingError ATTACHMENT_INVALID */
export function oneOf<const T extends string>(value: string, words: readonly T[], what: string): T {
  const word = words.find((candidate) => candidate === value);
  if (word === undefined) throw malformed(`${what} is ${JSON.stringify(value)}, not one of ${words.join(", ")}`);
  return word;
}
