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
export type Names = ReadonlyMap<string, Names | undefined>;

/** The kinds of objects that a VM's spec is in. */
type VmKind = "vm" | "vmi" | "replicaSet" | "pool";
type OtherKind =
  | "kubevirt"
  | "instancetype"
  | "preference"
  | "clone"
  | "migration"
  | "migrationPolicy"
  | "plugin"
  | "nad";
/** The kinds of objects that have data, and no spec. */
type DataKind = "secret" | "configMap";
/** The kinds of objects whose fields are known by name. */
export type FieldKind = VmKind | OtherKind | DataKind;

/** The names of the fields of other kinds. */
const OTHERS: Readonly<Record<OtherKind, string>> = {
  kubevirt: KUBEVIRT_FIELD_NAMES,
  instancetype: INSTANCETYPE_FIELD_NAMES,
  preference: PREFERENCE_FIELD_NAMES,
  clone: CLONE_FIELD_NAMES,
  migration: MIGRATION_FIELD_NAMES,
  migrationPolicy: MIGRATION_POLICY_FIELD_NAMES,
  plugin: PLUGIN_FIELD_NAMES,
  nad: "config",
};

/** The names of the fields of an object that has data, beside those that every object has. */
const DATA: Readonly<Record<DataKind, readonly string[]>> = {
  secret: ["data", "stringData", "type", "immutable"],
  configMap: ["data", "binaryData", "immutable"],
};

/** The fields of an object's metadata, and of a template's. */
const METADATA: Names = new Map<string, Names | undefined>(
  [
    ...["name", "generateName", "namespace", "labels", "annotations", "ownerReferences", "finalizers", "managedFields"],
    ...["uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"],
    "selfLink",
  ].map((name) => [name, undefined]),
);

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
    } else top?.set(word.replace(/\*$/, ""), word === "metadata*" ? METADATA : undefined);
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

/** The names of all kinds; `ofVmi` makes of a VMI's what is looked at. Read when they are first needed: who only asks for a binding needs none. */
function readNames(ofVmi: (names: Names) => Names): Readonly<Record<VmKind, Names>> {
  const vmAsWritten = parseNames(VM_FIELD_NAMES);
  const template = namesAt(vmAsWritten, "template");
  const vmi = ofVmi(namesAt(template, "spec"));
  const vmiTemplate = replaced(template, ["spec", vmi]);
  const vm = replaced(vmAsWritten, ["template", vmiTemplate]);
  return {
    vmi,
    vm,
    replicaSet: replaced(parseNames(REPLICA_SET_FIELD_NAMES), ["template", vmiTemplate]),
    pool: replaced(parseNames(POOL_FIELD_NAMES), [
      "virtualMachineTemplate",
      new Map<string, Names | undefined>([
        ["metadata", METADATA],
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

/** The names in the spec of a kind's objects; none where they have no spec. */
export function namesOf(kind: FieldKind): Names {
  if (Object.hasOwn(DATA, kind)) return new Map();
  if (Object.hasOwn(OTHERS, kind)) return otherNames(kind as OtherKind);
  ofVms ??= readNames(vmiNames);
  return ofVms[kind as VmKind];
}

const ofObjects = new Map<FieldKind, Names>();

/** The names of a kind's objects, from their beginning. */
export function objectNamesOf(kind: FieldKind): Names {
  const known = ofObjects.get(kind);
  if (known !== undefined) return known;
  const own = Object.hasOwn(DATA, kind) ? DATA[kind as DataKind] : ["status"];
  const names = new Map<string, Names | undefined>([
    ...["apiVersion", "kind", ...own].map((name) => [name, undefined] as const),
    ["metadata", METADATA],
    ...(Object.hasOwn(DATA, kind) ? [] : [["spec", namesOf(kind)] as const]),
  ]);
  ofObjects.set(kind, names);
  return names;
}

/** Where each name belongs in a kind's objects: the paths of what it may be in. */
function placesOf(names: Names, path: string, places = new Map<string, string[]>()): ReadonlyMap<string, string[]> {
  for (const [name, inner] of names) {
    places.set(name, [...(places.get(name) ?? []), path]);
    if (inner !== undefined && inner !== METADATA) placesOf(inner, `${path}.${name}`, places);
  }
  return places;
}

/** The names in a kind's spec, with those that have shapes of their own. */
function allNamesOf(kind: FieldKind): Names {
  if (Object.hasOwn(DATA, kind)) return new Map();
  if (Object.hasOwn(OTHERS, kind)) return parseNames(OTHERS[kind as OtherKind]);
  return readNames((names) => names)[kind as VmKind];
}

const knownPlaces = new Map<FieldKind, ReadonlyMap<string, string[]>>();
export function placesIn(kind: FieldKind): ReadonlyMap<string, string[]> {
  const places = knownPlaces.get(kind) ?? placesOf(allNamesOf(kind), "spec");
  knownPlaces.set(kind, places);
  return places;
}
