import { REMOVED_BINDINGS } from "@netbind/kubevirt/admission";
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  Scalar,
  type YAMLMap,
} from "yaml";

/** One interface that is converted. */
export interface OldKeyChange {
  readonly line: number;
  /** Its name, where it says one. */
  readonly interface: string;
  readonly from: string;
  readonly to: string;
}

/** A place of the text that is not changed, and why. */
export interface OldKeyNote {
  readonly line: number;
  readonly text: string;
}

/** A text with its removed bindings converted; all other bytes are as they were. */
export interface Converted {
  readonly text: string;
  readonly changes: readonly OldKeyChange[];
  readonly warnings: readonly OldKeyNote[];
  /** Why it could not be read. */
  readonly errors: readonly OldKeyNote[];
}

/** Where an object of a kind has its VM's interfaces. */
const INTERFACES_AT: Readonly<Record<string, readonly string[]>> = {
  VirtualMachineInstance: ["spec"],
  VirtualMachine: ["spec", "template", "spec"],
  VirtualMachineInstanceReplicaSet: ["spec", "template", "spec"],
  VirtualMachinePool: ["spec", "virtualMachineTemplate", "spec", "template", "spec"],
};
const METHODS: readonly string[] = ["bridge", "masquerade", "sriov", "passtBinding", "binding"];

/** A piece of the text, and what takes its place. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly change: OldKeyChange;
}

const keyOf = ({ key }: Pair): string | undefined => (isScalar(key) ? String(key.value) : undefined);

/** One document of a text, while its interfaces are looked for. */
class DocumentRewrite {
  readonly edits = new Map<number, Edit>();
  readonly warnings = new Map<number, OldKeyNote>();
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #text: string;

  constructor(document: Document, lines: LineCounter, text: string) {
    this.#document = document;
    this.#lines = lines;
    this.#text = text;
  }

  /** Looks at an object, or at every item of a list of objects. */
  visit(node: unknown): void {
    const object = this.#resolved(node);
    if (!isMap(object)) return;
    const kind = String(this.#at(object, ["kind"]) ?? "");
    const items = this.#resolved(this.#node(object, ["items"]));
    if (kind.endsWith("List") && isSeq(items)) for (const item of items.items) this.visit(item);
    const path = Object.hasOwn(INTERFACES_AT, kind) ? INTERFACES_AT[kind] : undefined;
    if (path === undefined || !/^(pool\.)?kubevirt\.io\//.test(String(this.#at(object, ["apiVersion"]) ?? ""))) return;
    const interfaces = this.#resolved(this.#node(object, [...path, "domain", "devices", "interfaces"]));
    if (!isSeq(interfaces)) return;
    for (const nic of interfaces.items) this.#visitInterface(this.#resolved(nic));
  }

  /** A node itself, where it is an alias of another. */
  #resolved(node: unknown): unknown {
    return isAlias(node) ? node.resolve(this.#document) : node;
  }

  #node(root: YAMLMap, path: readonly string[]): unknown {
    return path.reduce<unknown>((node, key) => {
      const map = this.#resolved(node);
      return isMap(map) ? this.#pairs(map).find((pair) => keyOf(pair) === key)?.value : undefined;
    }, root);
  }

  #at(root: YAMLMap, path: readonly string[]): unknown {
    const node = this.#resolved(this.#node(root, path));
    return isScalar(node) ? node.value : undefined;
  }

  /** The pairs of a mapping, with those that are merged into it. */
  #pairs(map: YAMLMap): readonly Pair[] {
    return map.items.flatMap((pair) => {
      if (keyOf(pair) !== "<<") return [pair];
      const merged = this.#resolved(pair.value);
      const maps = isSeq(merged) ? merged.items.map((item) => this.#resolved(item)) : [merged];
      return maps.filter(isMap).flatMap((inner) => this.#pairs(inner));
    });
  }

  #visitInterface(nic: unknown): void {
    if (!isMap(nic)) return;
    const pairs = this.#pairs(nic);
    const old = pairs.filter((pair) => REMOVED_BINDINGS.some((key) => key === keyOf(pair)));
    const [pair] = old;
    if (pair === undefined || !isScalar(pair.key) || !pair.key.range) return;
    const name = String(this.#at(nic, ["name"]) ?? "");
    const start = pair.key.range[0];
    const line = this.#lines.linePos(start).line;
    const others = pairs.map(keyOf).filter((key) => key !== undefined && METHODS.includes(key));
    if (old.length > 1 || others.length > 0) {
      const all = [...old.map(keyOf), ...others].join(", ");
      this.warnings.set(start, { line, text: `interface ${JSON.stringify(name)} has more than one of ${all}: it is left as it is` });
      return;
    }
    const end = this.#endOf(pair, start);
    if (end === undefined) {
      this.warnings.set(start, { line, text: `the value of ${keyOf(pair)} is an anchor, an alias or not empty: it is left as it is` });
      return;
    }
    const key = String(pair.key.value);
    const quoted = pair.key.type === Scalar.QUOTE_DOUBLE;
    const text = quoted ? `"binding": {"name": "${key}"}` : `binding: {name: ${key}}`;
    this.edits.set(start, { start, end, text, change: { line, interface: name, from: this.#text.slice(start, end), to: text } });
  }

  /** Where an old key's value ends: an empty mapping, or nothing. Undefined for any other. */
  #endOf({ value }: Pair, start: number): number | undefined {
    const colon = this.#text.indexOf(":", start) + 1;
    if (value === null || value === undefined) return colon;
    if (!isNode(value) || isAlias(value) || (value as Node & { anchor?: string }).anchor !== undefined || !value.range) return undefined;
    if (isCollection(value)) return isMap(value) && value.items.length === 0 ? value.range[1] : undefined;
    return isScalar(value) && value.value === null ? Math.max(colon, value.range[1]) : undefined;
  }
}

/**
 * Converts the core bindings that KubeVirt 1.3 removed: `slirp: {}`, `passt: {}` and `macvtap: {}` become the binding plugin
 * of that name. The text is changed at these places only. An interface that is reached more than once is changed once.
 */
export function convertText(text: string): Converted {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, merge: true, prettyErrors: false });
  const documents = Array.isArray(parsed) ? (parsed as readonly Document[]) : [];
  const errors = documents.flatMap((document) =>
    document.errors.map((error) => ({ line: lines.linePos(error.pos[0]).line, text: `this is not valid YAML: ${error.message}` })),
  );
  if (errors.length > 0) return { text, changes: [], warnings: [], errors };
  const rewrites = documents.map((document) => {
    const rewrite = new DocumentRewrite(document, lines, text);
    rewrite.visit(document.contents);
    return rewrite;
  });
  const edits = rewrites.flatMap((rewrite) => [...rewrite.edits.values()]).sort((a, b) => a.start - b.start);
  let result = "";
  let at = 0;
  for (const edit of edits) {
    result += text.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return {
    text: result + text.slice(at),
    changes: edits.map(({ change }) => change),
    warnings: rewrites.flatMap((rewrite) => [...rewrite.warnings.values()]),
    errors: [],
  };
}
