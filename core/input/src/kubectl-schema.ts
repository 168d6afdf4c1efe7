import { defineScalarTag, FAILSAFE_SCHEMA, mergeTag, NOT_RESOLVED, type Schema } from "js-yaml";
import { base64Text } from "./base64-text.ts";

/*
 * What a plain scalar is to kubectl: what sigs.k8s.io/yaml 1.6.0 makes of it on its way to JSON. That is YAML 1.1 with
 * numbers as Go's strconv.ParseInt reads them, and neither sexagesimal numbers nor dates.
 */

/** The words for no value, and how many characters the longest has. */
export const NULLS: readonly string[] = ["", "~", "null", "Null", "NULL"];
export const LONGEST_NULL = 4;
/** The words that are true, and those that are false. */
export const TRUE: readonly string[] = ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"];
export const FALSE: readonly string[] = ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"];

const DIGITS = [..."+-0123456789"];
const INTEGER = /^([-+]?)(?:0[xX]([\da-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9]\d*))$/;
const FLOAT = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/;
const INFINITE = /^([-+]?)\.(?:inf|Inf|INF)$/;
const NOT_A_NUMBER = /^\.(?:nan|NaN|NAN)$/;
/** Of an integer that is written with a base: one that needs more is text. */
const LARGEST = 2n ** 64n - 1n;

/** Underscores may stand anywhere in a number but at its beginning. */
const withoutUnderscores = (text: string): string => (text.startsWith("_") ? text : text.replaceAll("_", ""));

function integerOf(text: string): number | typeof NOT_RESOLVED {
  const [whole, sign, hex, binary, octal, decimal] = INTEGER.exec(withoutUnderscores(text)) ?? [];
  if (whole === undefined) return NOT_RESOLVED;
  const [prefix, digits] = hex ? ["0x", hex] : binary ? ["0b", binary] : octal ? ["0o", octal] : ["", decimal ?? ""];
  const size = BigInt(prefix + digits);
  // Too large for an integer: digits alone are a float then, and all else is text.
  if (size > LARGEST) return NOT_RESOLVED;
  return sign === "-" && size !== 0n ? -Number(size) : Number(size);
}

function floatOf(text: string): number | typeof NOT_RESOLVED {
  const [infinite, sign] = INFINITE.exec(text) ?? [];
  if (infinite !== undefined) return sign === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (NOT_A_NUMBER.test(text)) return Number.NaN;
  const plain = withoutUnderscores(text);
  const value = FLOAT.test(plain) ? Number(plain) : Number.NaN;
  return Number.isFinite(value) ? value : NOT_RESOLVED;
}

const scalar = <T>(
  name: string,
  firstCharacters: readonly string[],
  resolve: (text: string) => T | typeof NOT_RESOLVED,
) =>
  defineScalarTag<T>(`tag:yaml.org,2002:${name}`, {
    implicit: true,
    implicitFirstChars: firstCharacters,
    resolve,
    identify: () => false,
  });
const firstsOf = (words: readonly string[]): readonly string[] => [...new Set(words.map((word) => word.charAt(0)))];

/** YAML as kubectl reads it. */
export const KUBECTL_SCHEMA: Schema = FAILSAFE_SCHEMA.withTags(
  scalar("null", firstsOf(NULLS), (text) => (NULLS.includes(text) ? null : NOT_RESOLVED)),
  scalar("bool", firstsOf([...TRUE, ...FALSE]), (text) =>
    TRUE.includes(text) ? true : FALSE.includes(text) ? false : NOT_RESOLVED,
  ),
  scalar("int", DIGITS, integerOf),
  scalar("float", [...DIGITS, "."], floatOf),
  mergeTag,
  defineScalarTag("tag:yaml.org,2002:binary", {
    resolve: base64Text,
    identify: () => false,
  }),
  // A date is text on its way to JSON, and so is a value with an unknown tag.
  defineScalarTag("tag:yaml.org,2002:timestamp", { resolve: (text) => text, identify: () => false }),
  defineScalarTag("!", { matchByTagPrefix: true, resolve: (text) => text, identify: () => false }),
);
