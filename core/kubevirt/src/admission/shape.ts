import { check, form, type Shape } from "@netbind/contract/shape";
import { parseQuantity } from "../values/quantity.ts";

/** A Kubernetes quantity. */
export const quantity: Shape = form(
  "a quantity such as 64Mi",
  (value) => (typeof value === "number" || typeof value === "string") && parseQuantity(String(value)) !== undefined,
);

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A value without the parts whose type is wrong, so that it can be read: undefined where the whole is. */
export function soundPart(value: unknown, shape: Shape): unknown {
  if (shape.type === "list") {
    return Array.isArray(value)
      ? value.map((inner) => soundPart(inner, shape.of)).filter((inner) => inner !== undefined)
      : undefined;
  }
  if (shape.type !== "map" && shape.type !== "object") return check(value, shape, "").length === 0 ? value : undefined;
  if (!isObject(value)) return undefined;
  const part = ([key, inner]: readonly [string, unknown]): readonly [string, unknown] => {
    if (shape.type === "map") return [key, soundPart(inner, shape.of)];
    const field = Object.hasOwn(shape.fields, key) ? shape.fields[key] : undefined;
    return [key, field === undefined ? inner : soundPart(inner, field)];
  };
  return Object.fromEntries(
    Object.entries(value)
      .map(part)
      .filter(([, inner]) => inner !== undefined),
  );
}
