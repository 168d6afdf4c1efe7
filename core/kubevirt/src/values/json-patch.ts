/** An operation of a JSON patch, as far as it is read: what it does, where, and with which value. */
export interface PatchOperation {
  readonly op: string;
  /** A JSON pointer: `/spec/configuration`. */
  readonly path: string;
  readonly value?: unknown;
}

/** What a patch makes of a document, or why it is not one. */
export type Patched = { readonly document: unknown } | { readonly problem: string };

const OPERATIONS: readonly string[] = ["add", "replace", "remove", "copy", "move", "test"];
/** Longer pointers lead nowhere that is read. */
const MOST_STEPS = 32;

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The steps of a JSON pointer, in which `~1` is a slash and `~0` a tilde. */
const stepsOf = (path: string): readonly string[] =>
  path
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));

/** A list with a value at a place; `-` is behind its end. */
function inList(list: readonly unknown[], step: string, change: (inner: unknown) => unknown, insert: boolean): unknown {
  const at = step === "-" ? list.length : Number(step);
  if (!Number.isInteger(at) || at < 0 || at > list.length) return list;
  const changed = change(list[at]);
  return list.toSpliced(at, insert ? 0 : 1, ...(changed === undefined ? [] : [changed]));
}

/** A document with what a pointer leads to changed; `undefined` removes it. What is not there on the way is made. */
function changed(document: unknown, [step, ...rest]: readonly string[], value: unknown, insert: boolean): unknown {
  if (step === undefined) return value;
  const change = (inner: unknown): unknown => changed(inner, rest, value, insert);
  if (Array.isArray(document)) return inList(document, step, change, insert && rest.length === 0);
  const fields = isFields(document) ? document : {};
  const inner = change(Object.hasOwn(fields, step) ? fields[step] : undefined);
  return Object.fromEntries([
    ...Object.entries(fields).filter(([key]) => key !== step),
    ...(inner === undefined ? [] : [[step, inner] as const]),
  ]);
}

function operationOf(value: unknown): PatchOperation | undefined {
  if (!isFields(value)) return undefined;
  const { op, path } = value;
  const isSound =
    typeof op === "string" && OPERATIONS.includes(op) && typeof path === "string" && (path === "" || path[0] === "/");
  return isSound ? { op, path, value: value["value"] } : undefined;
}

/**
 * Applies what a JSON patch adds, replaces and removes. What it copies, moves and tests is not followed: the document is not
 * the whole that it is written for.
 */
export function applyJsonPatch(document: unknown, text: string): Patched {
  let operations: unknown;
  try {
    operations = JSON.parse(text);
  } catch (error) {
    return { problem: `it is not valid JSON: ${(error as Error).message}` };
  }
  if (!Array.isArray(operations)) return { problem: "it is not a list of operations" };
  let patched = document;
  for (const [at, one] of operations.entries()) {
    const operation = operationOf(one);
    if (operation === undefined) return { problem: `its item ${at} is not an operation with op and path` };
    const { op, path, value } = operation;
    const steps = stepsOf(path);
    if (steps.length === 0 || steps.length > MOST_STEPS || !["add", "replace", "remove"].includes(op)) continue;
    patched = changed(patched, steps, op === "remove" ? undefined : value, op === "add");
  }
  return { document: patched };
}
