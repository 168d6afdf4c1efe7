/**
 * The shapes of what crosses the contract, for the core: a plugin does not need them, since `defineBinding` checks what its
 * hooks return.
 *
 * @packageDocumentation
 */
export {
  ANNOTATION,
  CAPABILITY,
  DEFINITION_SHAPE,
  NEEDS_SHAPE,
  PLAN_SHAPE,
  RESOURCE,
  VIOLATIONS_SHAPE,
} from "./contract-shapes.ts";
export {
  boolean,
  check,
  closed,
  editDistance,
  form,
  integer,
  list,
  map,
  MISSING,
  type ObjectShape,
  open,
  type Shape,
  string,
  unknownFieldProblem,
  word,
} from "./shape.ts";
export { snapshot } from "./snapshot.ts";
export { type Check, isNumber, isObject, isText, listOf, mapOf, optional, shape, wrongField } from "./record-checks.ts";
