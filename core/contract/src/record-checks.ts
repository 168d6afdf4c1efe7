/** Checks of what was read from a file, before anything of it is acted on: a damaged record must not lead anywhere. */

export type Check = (value: unknown) => boolean;

export const isText: Check = (value) => typeof value === "string";
export const isNumber: Check = (value) => typeof value === "number" && Number.isFinite(value);
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  value !== null && typeof value === "object" && !Array.isArray(value);
export const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
export const mapOf =
  (check: Check): Check =>
  (value) =>
    isObject(value) && Object.values(value).every(check);
export const shape =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isObject(value) && Object.entries(fields).every(([name, check]) => check(value[name]));
export const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

/** The first field of a record that is not as it is written; undefined where all are. */
export function wrongField(record: unknown, fields: Readonly<Record<string, Check>>): string | undefined {
  if (!isObject(record)) return "the record itself";
  return Object.entries(fields).find(([name, check]) => !check(record[name]))?.[0];
}
