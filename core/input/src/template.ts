/*
 * OpenShift's Template (template.openshift.io): objects with parameters in their texts, of which each may have a default.
 */

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const textOf = (value: unknown): string | undefined =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;

/** True for a Template. */
export const isTemplate = (value: unknown): value is { readonly objects: readonly unknown[] } & Fields =>
  isFields(value) && value["kind"] === "Template" && Array.isArray(value["objects"]);

/** A part of what a value is generated from: so many characters of a set. */
const GENERATED = /\[[^[\]]{1,64}\]\{(\d{1,2})\}/g;

/** What a parameter is where nobody sets it: its default, else a text of the form that is generated, else its own name. */
function defaultOf(parameter: Fields, name: string): string {
  const { value, from } = parameter;
  if (value !== undefined && value !== null) return textOf(value) ?? "";
  if (typeof from === "string") return from.replace(GENERATED, (_, count: string) => "x".repeat(Number(count)));
  return name.toLowerCase().replaceAll("_", "-");
}

/** The parameters of a Template, each with what it is where nobody sets it. */
export function parametersOf(template: Fields): ReadonlyMap<string, string> {
  const parameters = Array.isArray(template["parameters"]) ? template["parameters"] : [];
  return new Map(
    parameters.flatMap((one: unknown): readonly (readonly [string, string])[] => {
      const name = isFields(one) ? one["name"] : undefined;
      return typeof name === "string" && isFields(one) ? [[name, defaultOf(one, name)]] : [];
    }),
  );
}

/** A parameter in a text. One in two braces is the whole text, and a value of its own type. */
const PARAMETER = /\$\{(\w+)\}/g;
const WHOLE = /^\$\{\{(\w+)\}\}$/;

/** The most characters that parameters may make of the texts of one object. */
const MOST_CHARACTERS = 1024 * 1024;

/** A number, true or false, or the text itself: an object in a parameter is not read. */
function plainValue(text: string): unknown {
  if (text === "true" || text === "false") return text === "true";
  const number = Number(text);
  return text.trim() !== "" && Number.isFinite(number) ? number : text;
}

/** An object with its parameters filled in. @throws Error where they make too much of it */
export function fillParameters(value: unknown, parameters: ReadonlyMap<string, string>): unknown {
  let left = MOST_CHARACTERS;
  const filled = (name: string, written: string): string => {
    const text = parameters.get(name);
    left -= text?.length ?? 0;
    if (left < 0) throw new Error("its parameters repeat too much");
    return text ?? written;
  };
  const fillText = (text: string): string => text.replace(PARAMETER, (written, name: string) => filled(name, written));
  const fill = (inner: unknown): unknown => {
    if (Array.isArray(inner)) return inner.map(fill);
    if (isFields(inner))
      return Object.fromEntries(Object.entries(inner).map(([key, one]) => [fillText(key), fill(one)]));
    if (typeof inner !== "string") return inner;
    const whole = WHOLE.exec(inner)?.[1];
    return whole === undefined ? fillText(inner) : plainValue(filled(whole, inner));
  };
  return fill(value);
}
