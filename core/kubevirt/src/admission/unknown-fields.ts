import { type Violation, violation } from "@netbind/contract";
import { nearestName } from "../values/nearest-name.ts";
import { quote } from "./rules/rule.ts";
import {
  CLONE_FIELD_NAMES,
  INSTANCETYPE_FIELD_NAMES,
  KUBEVIRT_FIELD_NAMES,
  MIGRATION_FIELD_NAMES,
  MIGRATION_POLICY_FIELD_NAMES,
  PLUGIN_FIELD_NAMES,
  POOL_FIELD_NAMES,
  PREFERENCE_FIELD_NAMES,
  REPLICA_SET_FIELD_NAMES,
  VM_FIELD_NAMES,
} from "./field-names.ts";

/** The fields that an object may have, each with those in it; undefined where anything may be. */
type Names = ReadonlyMap<string, Names | undefined>;

/** The kinds of objects that a VM's spec is in. */
type VmKind = "vm" | "vmi" | "replicaSet" | "pool";
type OtherKind = "kubevirt" | "instancetype" | "preference" | "clone" | "migration" | "migrationPolicy" | "plugin";
/** The kinds of objects whose fields are known by name. */
export type FieldKind = VmKind | OtherKind;

/** The names of the fields of other kinds. */
const OTHERS: Readonly<Record<OtherKind, string>> = {
  kubevirt: KUBEVIRT_FIELD_NAMES,
  instancetype: INSTANCETYPE_FIELD_NAMES,
  preference: PREFERENCE_FIELD_NAMES,
  clone: CLONE_FIELD_NAMES,
  migration: MIGRATION_FIELD_NAMES,
  migrationPolicy: MIGRATION_POLICY_FIELD_NAMES,
  plugin: PLUGIN_FIELD_NAMES,
};

/** Reads generated names: NAME, NAME( ... ) and NAME*. */
function parseNames(text: string): Names {
  const root = new Map<string, Names | undefined>();
  const open = [root];
  for (const word of text.trim().split(/\s+/)) {
    const top = open.at(-1);
    if (word === ")") open.pop();
    else if (word.endsWith("(")) {
      const inner = new Map<string, Names | undefined>();
      top?.set(word.slice(0, -1), inner);
      open.push(inner);
    } else top?.set(word.replace(/\*$/, ""), undefined);
  }
  return root;
}

const namesAt = (names: Names, ...path: readonly string[]): Names =>
  path.reduce<Names>((inner, name) => inner.get(name) ?? new Map(), names);

/** Names with some of them replaced. */
const replaced = (names: Names, ...changes: readonly (readonly [string, Names | undefined])[]): Names =>
  new Map([...names, ...changes]);

/** Networks and interfaces have shapes of their own, which know every word of them. */
function vmiNames(names: Names): Names {
  const domain = namesAt(names, "domain");
  const devices = replaced(namesAt(domain, "devices"), ["interfaces", undefined]);
  return replaced(names, ["networks", undefined], ["domain", replaced(domain, ["devices", devices])]);
}

/** The names of all kinds. Read when they are first needed: who only asks for a binding needs none. */
function readNames(): Readonly<Record<VmKind, Names>> {
  const vmAsWritten = parseNames(VM_FIELD_NAMES);
  const template = namesAt(vmAsWritten, "template");
  const vmi = vmiNames(namesAt(template, "spec"));
  const vmiTemplate = replaced(template, ["spec", vmi]);
  const vm = replaced(vmAsWritten, ["template", vmiTemplate]);
  return {
    vmi,
    vm,
    replicaSet: replaced(parseNames(REPLICA_SET_FIELD_NAMES), ["template", vmiTemplate]),
    pool: replaced(parseNames(POOL_FIELD_NAMES), [
      "virtualMachineTemplate",
      new Map<string, Names | undefined>([
        ["metadata", undefined],
        ["spec", vm],
      ]),
    ]),
  };
}

let ofVms: ReturnType<typeof readNames> | undefined;
const ofOthers = new Map<FieldKind, Names>();

/** The network of a KubeVirt CR has a shape of its own. */
function withoutNetwork(names: Names): Names {
  const configuration = replaced(namesAt(names, "configuration"), ["network", undefined]);
  return replaced(names, ["configuration", configuration]);
}

/** The names of another kind than a VM's. */
function otherNames(kind: OtherKind): Names {
  const read = ofOthers.get(kind) ?? parseNames(OTHERS[kind]);
  const names = kind === "kubevirt" ? withoutNetwork(read) : read;
  ofOthers.set(kind, names);
  return names;
}

function namesOf(kind: FieldKind): Names {
  if (Object.hasOwn(OTHERS, kind)) return otherNames(kind as OtherKind);
  ofVms ??= readNames();
  return ofVms[kind as VmKind];
}

/** Where each name belongs in a kind's objects: the paths of what it may be in. */
function placesOf(names: Names, path: string, places = new Map<string, string[]>()): ReadonlyMap<string, string[]> {
  for (const [name, inner] of names) {
    places.set(name, [...(places.get(name) ?? []), path]);
    if (inner !== undefined) placesOf(inner, `${path}.${name}`, places);
  }
  return places;
}

const knownPlaces = new Map<FieldKind, ReadonlyMap<string, string[]>>();
function placesIn(kind: FieldKind): ReadonlyMap<string, string[]> {
  const places = knownPlaces.get(kind) ?? placesOf(namesOf(kind), "spec");
  knownPlaces.set(kind, places);
  return places;
}

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

function fixOf(kind: FieldKind, name: string, siblings: Names): string {
  if (name === "true" || name === "false")
    return "remove it, or write the key in quotes: YAML reads y, yes and on as true, n, no and off as false";
  const place = placeOf(kind, name);
  if (place !== undefined) return `this block belongs under ${place}`;
  const near = nearestName(name, siblings.keys());
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
  for (const name of Object.keys(value)) {
    const inner = (value as Readonly<Record<string, unknown>>)[name];
    const known = names.get(name);
    if (known === undefined && names.has(name)) continue;
    const shown = name.length > MOST_SHOWN ? `${name.slice(0, MOST_SHOWN)}...` : name;
    if (known !== undefined) findUnknown(inner, known, `${path}.${shown}`, search);
    else if (search.found.length < MOST_FOUND)
      search.found.push(
        violation(`${path}.${shown}`, `there is no field ${quote(shown)} here`, fixOf(search.kind, name, names)),
      );
  }
}

/**
 * The fields of an object's spec that its kind has not, with what may be meant: the API server refuses them or loses them.
 * Those of networks and interfaces are found by their shapes. No more than twenty are reported.
 */
export function findUnknownFields(spec: unknown, kind: FieldKind): readonly Violation[] {
  const search: Search = { kind, found: [] };
  findUnknown(spec, namesOf(kind), "spec", search);
  return search.found;
}
