import { type Violation, violation } from "@netbind/contract";
import { editDistance, unknownFieldProblem } from "@netbind/contract/shape";
import { nearestName } from "../values/nearest-name.ts";
import { quote } from "./rules/rule.ts";
import { type FieldKind, type Names, namesOf, objectNamesOf, placesIn } from "./known-fields.ts";

/** A name that stands in more places says nothing about where a block belongs. */
const MOST_PLACES = 3;
const MOST_LISTED = 12;
const MOST_SHOWN = 80;
const MOST_FOUND = 20;

/** The place of the fewest steps that a name belongs to; undefined where it could be one of many. */
function placeOf(kind: FieldKind, name: string): string | undefined {
  const places = placesIn(kind).get(name) ?? [];
  const depth = (place: string): number => place.split(".").length;
  return places.length > MOST_PLACES ? undefined : places.toSorted((a, b) => depth(a) - depth(b))[0];
}

/** Spaces that YAML takes for letters, and characters without a width, which web pages and word processors write. */
const INVISIBLE = /[\u00a0\u2007\u202f\u3000\u200b-\u200d\u2060\ufeff]/;

/** True for a name with a single slip: it is meant for the known one, wherever one of just that name belongs. */
const isSlip = (name: string, known: string | undefined): boolean =>
  known !== undefined && editDistance(name.toLowerCase(), known.toLowerCase()) <= 1;

function fixOf(kind: FieldKind, name: string, siblings: Names): string {
  if (name === "true" || name === "false")
    return "remove it, or write the key in quotes: YAML reads y, yes and on as true, n, no and off as false";
  if (INVISIBLE.test(name)) return "type its name again: it has a character that looks like a space, or like nothing";
  const near = nearestName(name, siblings.keys());
  const place = isSlip(name, near) ? undefined : placeOf(kind, name);
  if (place !== undefined) return `this block belongs under ${place}`;
  if (near !== undefined) return `the nearest known field is ${quote(near)}`;
  const elsewhere = nearestName(name, placesIn(kind).keys());
  const other = elsewhere === undefined ? undefined : placeOf(kind, elsewhere);
  if (other !== undefined) return `the nearest known field is ${quote(elsewhere)}, which belongs under ${other}`;
  if (kind === "vmi" && namesOf("vm").has(name)) return "write kind: VirtualMachine, which has it, or remove it";
  const known = [...siblings.keys()];
  return known.length > MOST_LISTED
    ? "remove it, or correct its name: kubectl explain lists the fields"
    : `remove it; known here: ${known.join(", ")}`;
}

/** What is looked for, and what was found. */
interface Search {
  readonly kind: FieldKind;
  readonly found: Violation[];
}

function findUnknown(value: unknown, names: Names, path: string, search: Search): void {
  if (search.found.length >= MOST_FOUND) return;
  if (Array.isArray(value)) {
    for (const [at, inner] of value.entries()) findUnknown(inner, names, `${path}[${at}]`, search);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  const at = path === "" ? "" : `${path}.`;
  for (const name of Object.keys(value)) {
    const inner = (value as Readonly<Record<string, unknown>>)[name];
    const known = names.get(name);
    if (known === undefined && names.has(name)) continue;
    const shown = name.length > MOST_SHOWN ? `${name.slice(0, MOST_SHOWN)}...` : name;
    if (known !== undefined) findUnknown(inner, known, `${at}${shown}`, search);
    else if (search.found.length < MOST_FOUND)
      search.found.push(violation(`${at}${shown}`, unknownFieldProblem(shown), fixOf(search.kind, name, names)));
  }
}

/**
 * The fields of an object that its kind has not, with what may be meant: the API server refuses them or loses them. Those of
 * networks and interfaces are found by their shapes. No more than twenty are reported.
 */
export function findUnknownFields(object: unknown, kind: FieldKind): readonly Violation[] {
  const search: Search = { kind, found: [] };
  findUnknown(object, objectNamesOf(kind), "", search);
  return search.found;
}

/** What is found of a field of a network or an interface that is not known there, with the place that it belongs to, where that is known. */
export function withPlace(found: Violation, spec: string): Violation {
  const name = found.field.split(".").at(-1) ?? "";
  const [, near] = /^the nearest known field is "(\w+)"/.exec(found.fix) ?? [];
  const place = found.problem !== unknownFieldProblem(name) || isSlip(name, near) ? undefined : placeOf("vmi", name);
  return place === undefined ? found : { ...found, fix: `this block belongs under ${place.replace("spec", spec)}` };
}
